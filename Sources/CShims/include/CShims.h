#ifndef MLREPO_CSHIMS_H
#define MLREPO_CSHIMS_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "CRC32Fold.h"
#include "LowBits.h"
#include "Observe.h"
#include "RangeCoder.h"
#include "Reporting.h"
#include "SHA256Pair.h"

// open(2) and ioctl(2) are variadic, which Swift cannot call.
static inline int mlrepo_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline int mlrepo_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

// <malloc.h> is in no module of Swift. Memory that was given back stays with the process: up to the largest piece that an arena of a
// thread can hold, and to more than is ever in use.
#ifdef __GLIBC__
#include <malloc.h>
static inline void mlrepo_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}
#else
static inline void mlrepo_keep_freed_memory(void) {}
#endif

#ifdef __linux__
#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
// syscall(2) is variadic, and getdents64 has no wrapper in every C library. Unlike readdir(3) it needs no stream, which
// costs an allocation, an fstat and an fcntl for each directory.
static inline long mlrepo_getdents(int directory, void *buffer, size_t size) {
    return syscall(SYS_getdents64, directory, buffer, size);
}
// syncfs(2) is declared for GNU programs only.
static inline int mlrepo_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }
// fcntl(2) is variadic, and leases are declared for GNU programs only: 1024 is F_SETLEASE. A read lease is granted only where
// nobody has the file open for writing, or mapped so. Somebody who opens it right then has the holder signalled with SIGIO.
static inline int mlrepo_has_writer(int file) {
    if (fcntl(file, 1024, F_RDLCK) == 0) {
        fcntl(file, 1024, F_UNLCK);
        return 0;
    }
    return errno == EAGAIN;
}
// O_PATH is declared for GNU programs only.
#define MLREPO_O_PATH 010000000
// openat2(2) has no wrapper in C libraries. Resolves beneath the directory and through no link at all.
static inline int mlrepo_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how = {0};
    how.flags = (uint64_t)(uint32_t)flags;
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}
// llistxattr(2) is in no module of Swift, and its header would bring in types that others of them have.
static inline long mlrepo_list_attributes(const char *path, char *names, size_t size) {
    return syscall(SYS_llistxattr, path, names, size);
}
// renameat2(2) is declared for GNU programs only; 1 is RENAME_NOREPLACE.
static inline int mlrepo_rename_exclusively(int from, const char *path, int to, const char *other) {
    return (int)syscall(SYS_renameat2, from, path, to, other, 1u);
}
// 2 is RENAME_EXCHANGE.
static inline int mlrepo_exchange(int from, const char *path, int to, const char *other) {
    return (int)syscall(SYS_renameat2, from, path, to, other, 2u);
}
// statfs(2) is not in the modules of every C library. Returns the file system's number, or -1.
static inline long mlrepo_file_system_number(const char *path) {
    struct statfs facts;
    return statfs(path, &facts) == 0 ? (long)facts.f_type : -1;
}
#endif

#endif
