#ifndef MLREPO_REPORT_H
#define MLREPO_REPORT_H

// What the preloaded library (CPreload) tells of a process: one datagram each, a struct mlrepo_report in the machine's own byte order
// and behind it two paths, without anything between them or behind them. Both ends are on one machine and of one build.

#include <stdint.h>

enum mlrepo_report_kind {
    MLREPO_REPORT_HELLO = 1,  // a program begins that has the library
    MLREPO_REPORT_BORN,       // a process begins that is a copy of another one
    MLREPO_REPORT_OPEN,       // path; value: the flags of open(2)
    MLREPO_REPORT_CREATED,    // path of a file that was made just now
    MLREPO_REPORT_EXECUTE,    // path of the program that is to take the process's place
    MLREPO_REPORT_FAILED,     // it did not
    MLREPO_REPORT_SPAWN,      // path of the program that is to be executed by a process that is about to be made
    MLREPO_REPORT_SPAWNED,    // it is; value: the process
    MLREPO_REPORT_RENAME,     // path, path
    MLREPO_REPORT_LINK,       // path of the new name
    MLREPO_REPORT_SYMLINK,    // the same
    MLREPO_REPORT_REMOVE,     // path
    MLREPO_REPORT_TRUNCATE,   // path; value: whether something of it stays
    MLREPO_REPORT_LIST,       // path of a directory whose names it is about to read
    MLREPO_REPORT_ROOT,       // the process may see other files under the same names from now on
    MLREPO_REPORT_RING,       // it makes an io_uring
    MLREPO_REPORT_HANDLE,     // it opens a file by something else than its name
    MLREPO_REPORT_UNREAD,     // it names a file, and which one is not known
    MLREPO_REPORT_UNWATCHED,  // it starts a program that does not get the library
};

struct mlrepo_report {
    uint8_t version;     // MLREPO_REPORT_VERSION
    uint8_t kind;
    uint16_t lengths[2]; // of the paths, in bytes
    uint16_t zero;
    uint32_t value;
};

enum { MLREPO_REPORT_VERSION = 1 };

// Longer datagrams are none: two directories, a slash and a name behind each.
enum { MLREPO_REPORT_MOST = 12 + 2 * (4096 + 1 + 4096) };

// The file names of the library and of the socket on which it tells: both in one directory, so that one variable names both.
#define MLREPO_REPORT_LIBRARY "libmlrepo-preload.so"
#define MLREPO_REPORT_SOCKET "socket"

#endif
