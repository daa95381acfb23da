#include "originals.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include "tell.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

// MARK: Opening

// The mode is there only where a file may be made.
#define MODE(flags) \
    mode_t mode = 0; \
    if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = (mode_t)va_arg(rest, unsigned); \
        va_end(rest); \
    }

#define OPENS(name) \
    STANDS_IN int name(const char *path, int flags, ...) { \
        MODE(flags) \
        prepare(); \
        tell_opening(AT_FDCWD, path, flags); \
        return original.name(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    STANDS_IN int name(int directory, const char *path, int flags, ...) { \
        MODE(flags) \
        prepare(); \
        tell_opening(directory, path, flags); \
        return original.name(directory, path, flags, mode); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

// What calls become of which the compiler sees that they have no mode.
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

STANDS_IN int __open_2(const char *path, int flags) { return open(path, flags, 0); }
STANDS_IN int __open64_2(const char *path, int flags) { return open64(path, flags, 0); }
STANDS_IN int __openat_2(int directory, const char *path, int flags) { return openat(directory, path, flags, 0); }
STANDS_IN int __openat64_2(int directory, const char *path, int flags) { return openat64(directory, path, flags, 0); }

#define CREATES(name) \
    STANDS_IN int name(const char *path, mode_t mode) { \
        prepare(); \
        tell_opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC); \
        return original.name(path, mode); \
    }
CREATES(creat)
CREATES(creat64)

// The flags that a stream is opened with, by its mode.
static int stream_flags(const char *mode) {
    if (mode == NULL) return O_RDONLY;
    int flags;
    switch (mode[0]) {
    case 'w': flags = O_WRONLY | O_CREAT | O_TRUNC; break;
    case 'a': flags = O_WRONLY | O_CREAT | O_APPEND; break;
    default: flags = O_RDONLY; break;
    }
    for (const char *letter = mode + (mode[0] != 0); *letter != 0 && *letter != ','; letter++) {
        if (*letter == '+') flags = (flags & ~O_ACCMODE) | O_RDWR;
        if (*letter == 'x') flags |= O_EXCL;
    }
    return flags;
}

#define OPENS_STREAM(name) \
    STANDS_IN FILE *name(const char *restrict path, const char *restrict mode) { \
        prepare(); \
        tell_opening(AT_FDCWD, path, stream_flags(mode)); \
        return original.name(path, mode); \
    }
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)

// Without a path the stream stays at its file.
#define OPENS_STREAM_AGAIN(name) \
    STANDS_IN FILE *name(const char *restrict path, const char *restrict mode, FILE *restrict stream) { \
        prepare(); \
        tell_opening(AT_FDCWD, path, stream_flags(mode)); \
        return original.name(path, mode, stream); \
    }
OPENS_STREAM_AGAIN(freopen)
OPENS_STREAM_AGAIN(freopen64)

// MARK: Names of directories

STANDS_IN DIR *opendir(const char *path) {
    prepare();
    tell_name(MLREPO_REPORT_LIST, 0, AT_FDCWD, path, 0);
    return original.opendir(path);
}

STANDS_IN DIR *fdopendir(int descriptor) {
    prepare();
    tell_descriptor(MLREPO_REPORT_LIST, descriptor);
    return original.fdopendir(descriptor);
}

// MARK: Names that are made up

// Nobody knows the name before, and the file is new: so it is told behind.
static int make_up(char *pattern, int suffix, int flags) {
    prepare();
    int descriptor = original.mkostemps(pattern, suffix, flags);
    if (descriptor >= 0) tell_name(MLREPO_REPORT_CREATED, 0, AT_FDCWD, pattern, 1);
    return descriptor;
}

STANDS_IN int mkstemp(char *pattern) { return make_up(pattern, 0, 0); }
STANDS_IN int mkstemp64(char *pattern) { return make_up(pattern, 0, 0); }
STANDS_IN int mkostemp(char *pattern, int flags) { return make_up(pattern, 0, flags); }
STANDS_IN int mkostemp64(char *pattern, int flags) { return make_up(pattern, 0, flags); }
STANDS_IN int mkstemps(char *pattern, int suffix) { return make_up(pattern, suffix, 0); }
STANDS_IN int mkstemps64(char *pattern, int suffix) { return make_up(pattern, suffix, 0); }
STANDS_IN int mkostemps(char *pattern, int suffix, int flags) { return make_up(pattern, suffix, flags); }
STANDS_IN int mkostemps64(char *pattern, int suffix, int flags) { return make_up(pattern, suffix, flags); }

// MARK: Changing names

STANDS_IN int rename(const char *path, const char *other) {
    prepare();
    tell_names(MLREPO_REPORT_RENAME, AT_FDCWD, path, AT_FDCWD, other);
    return original.rename(path, other);
}

STANDS_IN int renameat(int directory, const char *path, int other_directory, const char *other) {
    prepare();
    tell_names(MLREPO_REPORT_RENAME, directory, path, other_directory, other);
    return original.renameat(directory, path, other_directory, other);
}

STANDS_IN int renameat2(int directory, const char *path, int other_directory, const char *other, unsigned flags) {
    prepare();
    tell_names(MLREPO_REPORT_RENAME, directory, path, other_directory, other);
    if (original.renameat2 != NULL) return original.renameat2(directory, path, other_directory, other, flags);
    errno = ENOSYS;
    return -1;
}

STANDS_IN int link(const char *path, const char *other) {
    prepare();
    tell_name(MLREPO_REPORT_LINK, 0, AT_FDCWD, other, 1);
    return original.link(path, other);
}

STANDS_IN int linkat(int directory, const char *path, int other_directory, const char *other, int flags) {
    prepare();
    tell_name(MLREPO_REPORT_LINK, 0, other_directory, other, 1);
    return original.linkat(directory, path, other_directory, other, flags);
}

STANDS_IN int symlink(const char *target, const char *path) {
    prepare();
    tell_name(MLREPO_REPORT_SYMLINK, 0, AT_FDCWD, path, 1);
    return original.symlink(target, path);
}

STANDS_IN int symlinkat(const char *target, int directory, const char *path) {
    prepare();
    tell_name(MLREPO_REPORT_SYMLINK, 0, directory, path, 1);
    return original.symlinkat(target, directory, path);
}

STANDS_IN int unlink(const char *path) {
    prepare();
    tell_name(MLREPO_REPORT_REMOVE, 0, AT_FDCWD, path, 1);
    return original.unlink(path);
}

STANDS_IN int unlinkat(int directory, const char *path, int flags) {
    prepare();
    if ((flags & AT_REMOVEDIR) == 0) tell_name(MLREPO_REPORT_REMOVE, 0, directory, path, 1);
    return original.unlinkat(directory, path, flags);
}

STANDS_IN int remove(const char *path) {
    prepare();
    tell_name(MLREPO_REPORT_REMOVE, 0, AT_FDCWD, path, 1);
    return original.remove(path);
}

#define TRUNCATES(name, offset) \
    STANDS_IN int name(const char *path, offset size) { \
        prepare(); \
        tell_name(MLREPO_REPORT_TRUNCATE, size != 0, AT_FDCWD, path, 1); \
        return original.name(path, size); \
    }
TRUNCATES(truncate, off_t)
TRUNCATES(truncate64, off64_t)

// MARK: What is not seen from now on

// Before the call, since another thread may open something behind it at once; and behind it, since this process may be gone before
// anybody looks which files it sees now.
#define GOES_ELSEWHERE(name, parameters, ...)        \
    STANDS_IN int name parameters {                  \
        prepare();                                   \
        tell_fact(MLREPO_REPORT_ROOT, 0, 1);         \
        int result = original.name(__VA_ARGS__);     \
        if (result == 0)                             \
            tell_fact(MLREPO_REPORT_ROOT, 0, 1);     \
        return result;                               \
    }
GOES_ELSEWHERE(chroot, (const char *path), path)
GOES_ELSEWHERE(unshare, (int flags), flags)
GOES_ELSEWHERE(setns, (int descriptor, int kind), descriptor, kind)

STANDS_IN int open_by_handle_at(int mount, struct file_handle *handle, int flags) {
    prepare();
    tell_fact(MLREPO_REPORT_HANDLE, 0, 0);
    return original.open_by_handle_at(mount, handle, flags);
}
#endif
