package import FileIO

#if os(Linux)
    internal import CShims
    internal import Glibc
#endif

/// A process that was not started here, and that has its own calls told.
///
/// It has installed the filter by itself, and has passed its listener on. Those that it starts are watched with it. A filter stays as long as a process has it. So calls are answered from the beginning until nobody is left; what they are about is
/// noted between ``begin(_:log:keeper:)`` and ``end()``, as often as somebody wants to.
package struct AttachedProcess: Sendable {
    /// The filter that the process has to install, as the kernel takes it; empty where the system has none.
    package static var filter: [UInt8] {
        #if os(Linux)
            var bytes = [UInt8](repeating: 0, count: 1 << 12)
            let count = mlrepo_filter(&bytes, bytes.count)
            return Array(bytes.prefix(max(0, count)))
        #else
            return []
        #endif
    }

    #if os(Linux)
        // The memory in it is the threads' own, and theirs alone once they run.
        private nonisolated(unsafe) let supervision: Supervision

        /// Begins to answer calls.
        ///
        /// - Parameter listener: Of the process's filter; belongs to this from now on.
        package init(
            listener: Int32, _ files: any FileSystem
        ) throws(ObservedCommand.StartFailure) {
            guard mlrepo_prepare_listener(listener) == 0 else {
                Glibc.close(listener)
                throw ObservedCommand.StartFailure(code: EINVAL)
            }
            let watch = SharedWatch(FileWatch(files, log: AccessLog(), keeper: nil), isNoting: false)
            supervision = try Supervision(.calls(listener), watch, [])
            guard supervision.begin() else {
                // The process has its filter, and nobody asked it whether that may fail.
                supervision.abandon()
                throw ObservedCommand.StartFailure(code: EAGAIN)
            }
        }

        /// Notes from now on what is done with files.
        ///
        /// - Parameters:
        ///   - log: What is known before.
        ///   - keeper: Told of files that were read, before they change.
        package func begin(_ files: any FileSystem, log: AccessLog, keeper: (any FileKeeper)?) {
            supervision.files.begin(FileWatch(files, log: log, keeper: keeper))
        }

        /// Notes nothing any more.
        ///
        /// - Returns: What was found out since the beginning.
        package func end() -> Observation {
            supervision.files.end()
            return supervision.observation
        }

        /// Answers calls until nobody is left who has the filter.
        package func release() { supervision.finish(within: nil) }
    #else
        package init(
            listener: Int32, _ files: any FileSystem
        ) throws(ObservedCommand.StartFailure) {
            throw ObservedCommand.StartFailure(code: 78)
        }
        package func begin(_ files: any FileSystem, log: AccessLog, keeper: (any FileKeeper)?) {}
        package func end() -> Observation { Observation(way: .declared) }
        package func release() {}
    #endif
}
