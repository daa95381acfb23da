#ifndef MLREPO_CSHIMS_H
#define MLREPO_CSHIMS_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

// open(2) and ioctl(2) are variadic, which Swift cannot call.
static inline int mlrepo_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline int mlrepo_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}

#endif
