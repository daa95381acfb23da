internal import FileIO
package import Observation

extension RunRecorder {
    /// Has a process watched that runs already, from now on.
    ///
    /// - Parameter log: What it has read and opened before.
    package func watch(_ process: AttachedProcess, log: AccessLog) {
        process.begin(repository.environment.files, log: log, keeper: keeper)
    }
}
