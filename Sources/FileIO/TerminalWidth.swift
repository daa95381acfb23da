#if canImport(Glibc)
    internal import CShims
    internal import Glibc
#else
    internal import Darwin
#endif

/// How many characters a line of a terminal has; nothing where a descriptor is none, or does not say.
package func terminalWidth(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
}
