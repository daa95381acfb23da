internal import CShims

/// Lets memory that was given back be used again, instead of handing it to the system: buffers of megabytes come and go here, and the
/// system would clear each page once more (a sixth of a commit of weights).
///
/// For processes that end soon; to be called before there are threads.
package func keepFreedMemory() { mlrepo_keep_freed_memory() }
