#define _GNU_SOURCE
#include "tell.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include "raw.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

char told_library[256];
static struct sockaddr_un address;
// The descriptor of our socket and one more, and above it the inode by which it is known again; 0 where there is none.
static uint64_t channel;
// Nobody listens any more.
static int is_gone;

enum { longest = 4096 };

static int is_channel(uint64_t known) {
    struct stat facts;
    return known != 0 && RAW(fstat, (known & 0xffffffff) - 1, &facts, 0, 0) == 0 && S_ISSOCK(facts.st_mode)
           && (uint32_t)facts.st_ino == known >> 32;
}

static void close_raw(long descriptor) { RAW(close, descriptor, 0, 0, 0); }

// High, where no program looks for its own: the lowest ones are whose number it counts on.
static long lift(long descriptor) {
    static const int places[] = {1000, 240, 60};
    for (unsigned index = 0; index < sizeof places / sizeof *places; index++) {
        long high = RAW(fcntl, descriptor, F_DUPFD_CLOEXEC, places[index], 0);
        if (high < 0) continue;
        close_raw(descriptor);
        return high;
    }
    return descriptor;
}

// The socket; -1 where nobody is to be told, -EBADF where another thread has closed it meanwhile. A program may have opened something
// else there.
static long listening(void) {
    uint64_t known = __atomic_load_n(&channel, __ATOMIC_ACQUIRE);
    if (is_channel(known)) return (long)(known & 0xffffffff) - 1;
    long descriptor = RAW(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0);
    if (descriptor < 0) return -1;
    long result = RAW(connect, descriptor, &address, sizeof address, 0);
    if (result < 0) {
        if (result == -ENOENT || result == -ECONNREFUSED) is_gone = 1;
        if (result == -EBADF || result == -ENOTSOCK) return -EBADF;
        close_raw(descriptor);
        return -1;
    }
    descriptor = lift(descriptor);
    struct stat facts;
    if (RAW(fstat, descriptor, &facts, 0, 0) != 0) return -EBADF;
    uint64_t own = (uint64_t)(uint32_t)facts.st_ino << 32 | (uint64_t)(descriptor + 1);
    if (__atomic_compare_exchange_n(&channel, &known, own, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return descriptor;
    // Another thread was faster.
    if (!is_channel(known)) return descriptor;
    close_raw(descriptor);
    return (long)(known & 0xffffffff) - 1;
}

void tell_prepare(const char *library) {
    size_t length = library == NULL ? 0 : strlen(library);
    const char *slash = library == NULL ? NULL : strrchr(library, '/');
    if (length == 0 || length >= sizeof told_library || library[0] != '/' || slash == NULL) return;
    size_t directory = (size_t)(slash - library) + 1;
    if (directory + sizeof MLREPO_REPORT_SOCKET > sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, library, directory);
    memcpy(address.sun_path + directory, MLREPO_REPORT_SOCKET, sizeof MLREPO_REPORT_SOCKET);
    memcpy(told_library, library, length + 1);
}

static int is_muted(void) { return is_gone || told_library[0] == 0; }

// Sends, and says by which descriptor; another thread may close that at any moment, and then it is another one.
static long send_message(struct msghdr *message, long *to) {
    long result = -EBADF;
    for (int attempt = 0; attempt < 64; attempt++) {
        *to = listening();
        if (*to == -EBADF) continue;
        if (*to < 0) return *to;
        do {
            result = RAW(sendmsg, *to, message, MSG_NOSIGNAL, 0);
        } while (result == -EINTR);
        if (result != -EBADF && result != -ENOTSOCK && result != -ENOTCONN && result != -EDESTADDRREQ) break;
    }
    if (result == -ECONNREFUSED) is_gone = 1;
    return result;
}

// Waits until the other has looked. Who is gone closes the socket; but another process may have been made meanwhile that holds our
// other end open, so that is asked from time to time.
static void wait_for_answer(long from, long to) {
    while (1) {
        struct pollfd waiting = {(int)from, POLLIN, 0};
        struct timespec patience = {1, 0};
        long count = RAW(ppoll, &waiting, 1, &patience, NULL);
        if (count == -EINTR) continue;
        if (count != 0) return;
        struct msghdr nothing;
        memset(&nothing, 0, sizeof nothing);
        if (RAW(sendmsg, to, &nothing, MSG_NOSIGNAL | MSG_DONTWAIT, 0) == -ECONNREFUSED) {
            is_gone = 1;
            return;
        }
    }
}

static void send_report(struct iovec *parts, unsigned count, int waits) {
    long to = -1;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = count;
    int ends[2];
    if (!waits || RAW(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        send_message(&message, &to);
        return;
    }
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
    long result = send_message(&message, &to);
    close_raw(ends[1]);
    if (result >= 0) {
        wait_for_answer(ends[0], to);
    } else if (!is_gone) {
        // Too many descriptors are on their way.
        message.msg_control = NULL;
        message.msg_controllen = 0;
        send_message(&message, &to);
    }
    close_raw(ends[0]);
}

void tell_fact(enum mlrepo_report_kind kind, unsigned value, int waits) {
    if (is_muted()) return;
    struct mlrepo_report report = {MLREPO_REPORT_VERSION, (uint8_t)kind, {0, 0}, 0, value};
    struct iovec part = {&report, sizeof report};
    send_report(&part, 1, waits);
}

static int begins(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

enum interest { none, usual, through_process };

// The kernel's own files hold no data, but some of their names lead elsewhere.
static enum interest interest_of(const char *name) {
    if (name == NULL || name[0] == 0) return none;
    if (name[0] != '/' || (name[1] != 'p' && name[1] != 's' && name[1] != 'd')) return usual;
    if (begins(name, "/dev/shm/")) return usual;
    if (begins(name, "/proc/self/") || begins(name, "/proc/thread-self/") || begins(name, "/dev/fd/")) return through_process;
    return begins(name, "/proc/") || begins(name, "/sys/") || begins(name, "/dev/") ? none : usual;
}

static size_t write_number(char *to, int number) {
    char digits[12];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t index = 0; index < count; index++) to[index] = digits[count - 1 - index];
    return count;
}

// The path of a descriptor's file. Returns its length, or 0.
static size_t path_of(int descriptor, char room[longest]) {
    char link[32] = "/proc/self/fd/";
    if (descriptor < 0) return 0;
    link[14 + write_number(link + 14, descriptor)] = 0;
    long length = RAW(readlinkat, AT_FDCWD, link, room, longest);
    return length > 0 && length < longest && room[0] == '/' ? (size_t)length : 0;
}

static size_t directory_of(int descriptor, char room[longest]) {
    if (descriptor != AT_FDCWD) return path_of(descriptor, room);
    long length = RAW(getcwd, room, longest, 0, 0);
    return length > 1 && room[0] == '/' ? (size_t)length - 1 : 0;
}

// Adds a path to a datagram. Returns its length, or 0.
static size_t add_path(struct iovec *parts, unsigned *count, size_t directory, char *room, const char *name) {
    size_t length = strnlen(name, longest);
    if (length == 0 || length == longest) return 0;
    size_t total = length;
    if (name[0] != '/') {
        if (directory == 0) return 0;
        parts[(*count)++] = (struct iovec){room, directory};
        parts[(*count)++] = (struct iovec){(void *)"/", 1};
        total += directory + 1;
    }
    parts[(*count)++] = (struct iovec){(void *)name, length};
    return total;
}

static void send_path(
    enum mlrepo_report_kind kind, unsigned value, size_t directory, char *room, const char *name, int waits
) {
    struct mlrepo_report report = {MLREPO_REPORT_VERSION, (uint8_t)kind, {0, 0}, 0, value};
    struct iovec parts[4] = {{&report, sizeof report}};
    unsigned count = 1;
    report.lengths[0] = (uint16_t)add_path(parts, &count, directory, room, name);
    if (report.lengths[0] != 0) send_report(parts, count, waits);
}

// On its own, so that names which say all need no room for more: a signal's handler may have little.
static __attribute__((noinline)) void send_relative(
    enum mlrepo_report_kind kind, unsigned value, int directory, const char *name, int waits
) {
    char room[longest];
    size_t length = directory_of(directory, room);
    if (length == 0) {
        tell_fact(MLREPO_REPORT_UNREAD, 0, 0);
    } else {
        send_path(kind, value, length, room, name, waits);
    }
}

void tell_name(enum mlrepo_report_kind kind, unsigned value, int directory, const char *name, int waits) {
    if (is_muted()) return;
    enum interest interest = interest_of(name);
    if (interest == none) return;
    // Where such a name leads is known as long as the process waits.
    if (interest == through_process) waits = 1;
    if (name[0] == '/') {
        send_path(kind, value, 0, NULL, name, waits);
    } else {
        send_relative(kind, value, directory, name, waits);
    }
}

void tell_names(enum mlrepo_report_kind kind, int directory, const char *name, int other_directory, const char *other) {
    if (is_muted() || interest_of(name) == none || interest_of(other) == none) return;
    char room[longest], other_room[longest];
    size_t length = name[0] == '/' ? 0 : directory_of(directory, room);
    size_t other_length = other[0] == '/' ? 0 : directory_of(other_directory, other_room);
    struct mlrepo_report report = {MLREPO_REPORT_VERSION, (uint8_t)kind, {0, 0}, 0, 0};
    struct iovec parts[7] = {{&report, sizeof report}};
    unsigned count = 1;
    report.lengths[0] = (uint16_t)add_path(parts, &count, length, room, name);
    report.lengths[1] = (uint16_t)add_path(parts, &count, other_length, other_room, other);
    if (report.lengths[0] == 0 || report.lengths[1] == 0) {
        tell_fact(MLREPO_REPORT_UNREAD, 0, 0);
    } else {
        send_report(parts, count, 1);
    }
}

void tell_opening(int directory, const char *name, int flags) {
    // What is made without a name gets one by link(2).
    if ((flags & O_PATH) != 0 || (flags & O_TMPFILE) == O_TMPFILE) return;
    int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
    tell_name(MLREPO_REPORT_OPEN, (unsigned)flags, directory, name, changes);
}

void tell_descriptor(enum mlrepo_report_kind kind, int descriptor) {
    if (is_muted()) return;
    char room[longest];
    size_t length = path_of(descriptor, room);
    if (length == 0) return;
    room[length == longest ? length - 1 : length] = 0;
    send_path(kind, 0, 0, NULL, room, 1);
}
#endif
