#define _GNU_SOURCE
#include "Observe.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MLREPO_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MLREPO_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define MLREPO_ARCHITECTURE 0
#endif

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
#define MLREPO_SYNC_WAKE_UP 1UL
#define MLREPO_WAIT_KILLABLE (1UL << 5)

// How the arguments of a call are laid out.
enum layout { AT_CWD, AT_FD, TWO_CWD, TWO_FD, TARGET_CWD, TARGET_FD, DESCRIPTOR, NO_NAME };

struct rule {
    int number;
    enum mlrepo_call_kind kind;
    enum layout layout;
    int flags;              // which argument holds flags, or -1
    unsigned skipped;       // calls with one of these flags are let go on at once
};

static const struct rule rules[] = {
    {SYS_openat, MLREPO_CALL_OPEN, AT_FD, 2, 0},
    {SYS_openat2, MLREPO_CALL_OPEN_HOW, AT_FD, -1, 0},
    {SYS_execve, MLREPO_CALL_EXECUTE, AT_CWD, -1, 0},
    {SYS_execveat, MLREPO_CALL_EXECUTE, AT_FD, -1, 0},
    {SYS_renameat2, MLREPO_CALL_RENAME, TWO_FD, 4, 0},
    {SYS_renameat, MLREPO_CALL_RENAME, TWO_FD, -1, 0},
    {SYS_linkat, MLREPO_CALL_LINK, TWO_FD, -1, 0},
    {SYS_symlinkat, MLREPO_CALL_SYMLINK, TARGET_FD, -1, 0},
    {SYS_unlinkat, MLREPO_CALL_REMOVE, AT_FD, 2, AT_REMOVEDIR},
    {SYS_truncate, MLREPO_CALL_TRUNCATE, AT_CWD, 1, 0}, // its flags are the length
    {SYS_getdents64, MLREPO_CALL_LIST, DESCRIPTOR, -1, 0},
    {SYS_io_uring_setup, MLREPO_CALL_RING, NO_NAME, -1, 0},
    {SYS_open_by_handle_at, MLREPO_CALL_HANDLE, NO_NAME, -1, 0},
    {SYS_chroot, MLREPO_CALL_ROOT, NO_NAME, -1, 0},
    {SYS_pivot_root, MLREPO_CALL_ROOT, NO_NAME, -1, 0},
    {SYS_unshare, MLREPO_CALL_ROOT, NO_NAME, -1, 0},
    {SYS_setns, MLREPO_CALL_ROOT, NO_NAME, -1, 0},
    {SYS_chdir, MLREPO_CALL_MOVE, AT_CWD, -1, 0},
    {SYS_fchdir, MLREPO_CALL_MOVE, NO_NAME, -1, 0},
#ifdef SYS_open
    {SYS_open, MLREPO_CALL_OPEN, AT_CWD, 1, 0},
    {SYS_creat, MLREPO_CALL_OPEN, AT_CWD, -1, 0},
    {SYS_getdents, MLREPO_CALL_LIST, DESCRIPTOR, -1, 0},
    {SYS_rename, MLREPO_CALL_RENAME, TWO_CWD, -1, 0},
    {SYS_link, MLREPO_CALL_LINK, TWO_CWD, -1, 0},
    {SYS_symlink, MLREPO_CALL_SYMLINK, TARGET_CWD, -1, 0},
    {SYS_unlink, MLREPO_CALL_REMOVE, AT_CWD, -1, 0},
#endif
};
enum { rule_count = sizeof rules / sizeof *rules };

static long set_filter(unsigned long flags, const struct sock_fprog *program) {
    long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    // Who may do anything need not give up what set-user-ID programs may.
    if (listener < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    }
    return listener;
}

enum { filter_room = 8 + 5 * rule_count };

// Writes the filter, and returns how many instructions it has.
static int make_filter(struct sock_filter filter[filter_room]) {
    int length = 0;
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MLREPO_ARCHITECTURE, 1, 0);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int index = 0; index < rule_count; index++) {
        const struct rule *rule = &rules[index];
        if (rule->skipped != 0) {
            filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rule->number, 0, 4);
            filter[length++] = (struct sock_filter)BPF_STMT(
                BPF_LD | BPF_W | BPF_ABS, (unsigned)(offsetof(struct seccomp_data, args) + 8 * (unsigned)rule->flags));
            filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, rule->skipped, 0, 1);
            filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        } else {
            filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rule->number, 0, 1);
        }
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return length;
}

long mlrepo_filter(void *buffer, size_t size) {
    struct sock_filter filter[filter_room];
    size_t length = (size_t)make_filter(filter) * sizeof *filter;
    if (length > size) return -1;
    memcpy(buffer, filter, length);
    return (long)length;
}

// Installs the filter and returns its listener, or -1.
static int install_filter(void) {
    struct sock_filter filter[filter_room];
    int length = make_filter(filter);
    struct sock_fprog program = {(unsigned short)length, filter};
    // A call that was taken is not interrupted by signals, which programs that work with timers would notice (since Linux 5.19).
    long listener = set_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER | MLREPO_WAIT_KILLABLE, &program);
    if (listener < 0 && errno == EINVAL) listener = set_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    return (int)listener;
}

// A number, and with it a descriptor if it is not -1.
static int send_number(int channel, int number, int descriptor) {
    struct iovec data = {&number, sizeof number};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) == sizeof number ? 0 : -1;
}

long mlrepo_receive(int channel, void *buffer, size_t size, int *descriptor) {
    struct iovec data = {buffer, size};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t count;
    do {
        count = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return count;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return count;
}

static int receive_number(int channel, int *descriptor) {
    int number = 0;
    return mlrepo_receive(channel, &number, sizeof number, descriptor) == sizeof number ? number : -1;
}

// The child's part: nothing here may take a lock that a thread of the parent may have held.
static _Noreturn void execute(const struct mlrepo_command *command, int channel) {
    dup2(command->output, 1);
    dup2(command->error, 2);
    sigprocmask(SIG_SETMASK, command->mask, NULL);
    // These the program itself ignores.
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    int listener = -1;
    int refusal = 0;
    if (command->is_observed) {
        listener = install_filter();
        refusal = listener < 0 ? errno : 0;
    }
    if (send_number(channel, refusal, listener) != 0) _exit(125);
    if (refusal != 0) _exit(125);
    if (listener >= 0) close(listener);
    if (command->environment != NULL) environ = (char **)command->environment;
    execvp(command->arguments[0], command->arguments);
    int failure = errno;
    send_number(channel, failure, -1);
    _exit(failure == ENOENT || failure == ENOTDIR ? 127 : 126);
}

int mlrepo_start(const struct mlrepo_command *command, struct mlrepo_started *started) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno;
    pid_t process = fork();
    if (process < 0) {
        int failure = errno;
        close(ends[0]);
        close(ends[1]);
        return failure;
    }
    if (process == 0) execute(command, ends[1]);
    close(ends[1]);
    started->process = process;
    started->listener = -1;
    started->channel = ends[0];
    started->refusal = receive_number(ends[0], &started->listener);
    if (started->listener >= 0) mlrepo_prepare_listener(started->listener);
    return 0;
}

int mlrepo_prepare_listener(int listener) {
    // Whatever else came as a descriptor answers no calls.
    uint64_t none = 0;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) == 0 || errno != ENOENT) return -1;
    // The caller goes on where it was, on the same processor, while the answer is made. Older kernels have no such thing.
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, MLREPO_SYNC_WAKE_UP);
    return 0;
}

int mlrepo_take_input(void) {
    int taken = fcntl(0, F_DUPFD_CLOEXEC, 3);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    // What this process starts reads nothing of it, and does not hold it open.
    if (taken >= 0 && nothing >= 0) dup2(nothing, 0);
    if (nothing > 0) close(nothing);
    return taken;
}

int mlrepo_open_process(int process) { return (int)syscall(SYS_pidfd_open, process, 0u); }

int mlrepo_process_status(int process, int *status) {
    // struct pidfd_info in its first form, and PIDFD_INFO_EXIT: headers older than Linux 6.15 have neither.
    struct {
        uint64_t mask, group;
        uint32_t ids[11];
        int32_t status;
    } facts = {.mask = 1u << 3};
    if (ioctl(process, _IOWR(0xff, 11, facts), &facts) != 0 || (facts.mask & 1u << 3) == 0) return -1;
    *status = facts.status;
    return 0;
}

int mlrepo_open_terminal(int like, int ends[2]) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return -1;
    int locked = 0;
    int slave = -1;
    if (ioctl(master, TIOCSPTLCK, &locked) == 0) slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios facts;
    if (slave < 0 || tcgetattr(like, &facts) != 0) {
        if (slave >= 0) close(slave);
        close(master);
        return -1;
    }
    // The other terminal does that.
    facts.c_oflag &= ~(tcflag_t)OPOST;
    facts.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(slave, TCSANOW, &facts);
    mlrepo_copy_terminal_size(like, slave);
    ends[0] = master;
    ends[1] = slave;
    return 0;
}

void mlrepo_copy_terminal_size(int from, int to) {
    struct winsize size;
    if (ioctl(from, TIOCGWINSZ, &size) == 0) ioctl(to, TIOCSWINSZ, &size);
}

int mlrepo_open_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int mlrepo_descriptor_flags(int descriptor) {
    int flags = fcntl(descriptor, F_GETFD);
    return flags < 0 || (flags & FD_CLOEXEC) != 0 ? -1 : fcntl(descriptor, F_GETFL);
}

int mlrepo_next_call(int listener, void *room, struct mlrepo_call *call) {
    struct seccomp_notif *notice = room;
    memset(notice, 0, MLREPO_NOTICE_SIZE);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notice) != 0) return errno;
    const uint64_t *arguments = (const uint64_t *)notice->data.args;
    call->id = notice->id;
    call->process = notice->pid;
    call->flags = 0;
    call->names[0] = call->names[1] = 0;
    for (int index = 0; index < rule_count; index++) {
        const struct rule *rule = &rules[index];
        if (rule->number != notice->data.nr) continue;
        call->kind = rule->kind;
        call->directories[0] = call->directories[1] = AT_FDCWD;
        if (rule->flags >= 0) call->flags = arguments[rule->flags];
        switch (rule->layout) {
        case AT_CWD:
            call->names[0] = arguments[0];
            break;
        case AT_FD:
            call->directories[0] = (int)arguments[0];
            call->names[0] = arguments[1];
            break;
        case TWO_CWD:
            call->names[0] = arguments[0];
            call->names[1] = arguments[1];
            break;
        case TWO_FD:
            call->directories[0] = (int)arguments[0];
            call->names[0] = arguments[1];
            call->directories[1] = (int)arguments[2];
            call->names[1] = arguments[3];
            break;
        case TARGET_CWD:
            call->names[0] = arguments[1];
            break;
        case TARGET_FD:
            call->directories[0] = (int)arguments[1];
            call->names[0] = arguments[2];
            break;
        case DESCRIPTOR:
            call->directories[0] = (int)arguments[0];
            break;
        case NO_NAME:
            break;
        }
        if (call->kind == MLREPO_CALL_OPEN_HOW) {
            // struct open_how begins with the flags.
            uint64_t flags = 0;
            mlrepo_read_memory(call->process, arguments[2], &flags, sizeof flags);
            call->flags = flags;
            call->kind = MLREPO_CALL_OPEN;
        }
#ifdef SYS_creat
        if (rule->number == SYS_creat) call->flags = O_CREAT | O_WRONLY | O_TRUNC;
#endif
        return 0;
    }
    call->kind = MLREPO_CALL_RING;
    return 0;
}

void mlrepo_allow_call(int listener, uint64_t id) {
    union {
        struct seccomp_notif_resp answer;
        char room[256];
    } raw;
    memset(&raw, 0, sizeof raw);
    raw.answer.id = id;
    raw.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    // One whose caller was killed meanwhile is of no interest any more.
    while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &raw.answer) != 0 && errno == EINTR) {
    }
}

int64_t mlrepo_birth(const char *path) {
    struct statx facts;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &facts) != 0 || (facts.stx_mask & STATX_BTIME) == 0) return -1;
    return facts.stx_btime.tv_sec * 1000000000 + facts.stx_btime.tv_nsec;
}

int64_t mlrepo_file_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

long mlrepo_read_memory(uint32_t process, uint64_t address, void *buffer, size_t size) {
    // Page by page: a read that goes over the end of a mapping may give nothing of what lies before it.
    enum { page = 4096, most = 8 };
    struct iovec there[most];
    int count = 0;
    size_t planned = 0;
    while (planned < size && count < most) {
        size_t room = page - (address + planned) % page;
        if (room > size - planned) room = size - planned;
        there[count].iov_base = (void *)(uintptr_t)(address + planned);
        there[count].iov_len = room;
        planned += room;
        count++;
    }
    struct iovec here = {buffer, planned};
    return syscall(SYS_process_vm_readv, (pid_t)process, &here, 1L, there, (long)count, 0L);
}

static void write_all(int descriptor, const char *bytes, ssize_t count) {
    while (descriptor >= 0 && count > 0) {
        ssize_t written = write(descriptor, bytes, (size_t)count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        bytes += written;
        count -= written;
    }
}

static _Noreturn void take_care(const struct mlrepo_caretaking *work) {
    struct pollfd waiting = {work->observer, POLLIN, 0};
    while (poll(&waiting, 1, -1) < 0 && errno == EINTR) {
    }
    // What the observer had taken and not answered: the kernel itself has written its id there, so that no moment is missed.
    uint64_t taken;
    memcpy(&taken, work->room, sizeof taken);
    if (work->listener >= 0) mlrepo_allow_call(work->listener, taken);
    int open[4] = {work->listener, work->from[0], work->from[1], work->drained};
    static char buffer[65536];
    while (open[0] >= 0 || open[1] >= 0 || open[2] >= 0 || open[3] >= 0) {
        struct pollfd all[4];
        for (int index = 0; index < 4; index++) all[index] = (struct pollfd){open[index], POLLIN, 0};
        if (poll(all, 4, -1) < 0) continue;
        if (all[3].revents != 0 && read(open[3], buffer, sizeof buffer) == 0) open[3] = -1;
        if ((all[0].revents & POLLIN) != 0) {
            static uint64_t room[MLREPO_NOTICE_SIZE / 8];
            struct mlrepo_call call;
            if (mlrepo_next_call(open[0], room, &call) == 0) mlrepo_allow_call(open[0], call.id);
        } else if (all[0].revents != 0) {
            open[0] = -1;
        }
        for (int index = 0; index < 2; index++) {
            if (all[index + 1].revents == 0) continue;
            ssize_t count = read(open[index + 1], buffer, sizeof buffer);
            if (count > 0) {
                write_all(work->to[index], buffer, count);
                write_all(work->log[index], buffer, count);
            } else if (count == 0 || errno != EINTR) {
                // Who waits for the end of what is shown gets it when nobody can print any more.
                open[index + 1] = -1;
                close(work->to[index]);
                close(work->log[index]);
            }
        }
    }
    _exit(0);
}

int mlrepo_start_caretaker(const struct mlrepo_caretaking *work) {
    pid_t process = fork();
    if (process != 0) return process;
    // What ends the command, its group or its terminal does not end this; who reads no more is no reason to end, either.
    setsid();
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, "mlrepo-caretaker", 0, 0, 0);
    // Nothing else stays open: the end of a pipe that is held here would be waited for.
    int kept[9] = {work->drained, work->observer, work->listener, work->from[0], work->from[1], work->to[0], work->to[1], work->log[0], work->log[1]};
    for (int descriptor = 0; descriptor < 4096; descriptor++) {
        int is_kept = 0;
        for (int index = 0; index < 9; index++) is_kept |= kept[index] == descriptor;
        if (!is_kept) close(descriptor);
    }
    take_care(work);
}
#endif
