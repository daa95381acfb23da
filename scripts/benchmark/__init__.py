"""The benchmark harness: the workloads, the peers, the measuring and the report."""
