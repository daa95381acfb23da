#ifndef MLREPO_OBSERVE_H
#define MLREPO_OBSERVE_H

// A command whose system calls that name files are told to whoever started it: seccomp user notification (seccomp_unotify(2)).
// C, since ioctl(2) and syscall(2) are variadic, the filter is made of the kernel's macros, and behind a fork of a program with
// threads no Swift may run.

#ifdef __linux__
#include <stddef.h>
#include <stdint.h>

// What a thread asks the system for.
enum mlrepo_call_kind {
    MLREPO_CALL_OPEN,     // directory, name, flags
    MLREPO_CALL_OPEN_HOW, // directory, name, address of a struct open_how
    MLREPO_CALL_EXECUTE,  // directory, name
    MLREPO_CALL_RENAME,   // directory, name, directory, name
    MLREPO_CALL_LINK,     // the same
    MLREPO_CALL_SYMLINK,  // directory, name of the new link
    MLREPO_CALL_REMOVE,   // directory, name
    MLREPO_CALL_TRUNCATE, // directory, name
    MLREPO_CALL_LIST,     // directory whose names it reads
    MLREPO_CALL_MOVE,     // name of the working directory that it goes to; none where it is open already
    MLREPO_CALL_ROOT,     // may see other files under the same names from now on
    MLREPO_CALL_RING,     // makes an io_uring, through which files are opened unseen
    MLREPO_CALL_HANDLE,   // opens a file by something else than its name
};

// One call that waits for an answer. Directories are descriptors of the process, or AT_FDCWD; names are addresses in it.
struct mlrepo_call {
    uint64_t id;
    uint32_t process;
    enum mlrepo_call_kind kind;
    int directories[2];
    uint64_t names[2];
    uint64_t flags;
};

// How a command is started.
struct mlrepo_command {
    char *const *arguments;
    int output, error;  // become its standard output and error
    const void *mask;   // the signals (sigset_t) that it is started with blocked
    int is_observed;    // its calls are told through a listener; where that is refused it is not executed
    char *const *environment; // NULL where it is this process's own
};

// What became of a start.
struct mlrepo_started {
    int process;
    int listener;       // or -1
    int refusal;        // why there is no listener: an error number, or 0
    int channel;        // tells the error number of an execution that failed, as an int; ends without one where it went well
};

// Starts a command: its program is found on PATH. Returns an error number, or 0.
int mlrepo_start(const struct mlrepo_command *command, struct mlrepo_started *started);

// Writes the filter whose listener tells of calls: struct sock_filter after struct sock_filter, for seccomp(2). Returns its length in
// bytes, or -1 where the room is too small.
long mlrepo_filter(void *buffer, size_t size);

// Makes a listener ready that another process has made. Returns 0, or -1 where the descriptor is none.
int mlrepo_prepare_listener(int listener);

// Reads what waits in a socket, and with it a descriptor if one came. Returns a count of bytes, 0 at the end, or -1.
long mlrepo_receive(int channel, void *buffer, size_t size, int *descriptor);

// Takes standard input away from what this process starts. Returns the descriptor under which it is read from now on, or -1.
int mlrepo_take_input(void);

// A descriptor that becomes readable when a process has ended; -1 if there is no such process, or the system has none of them.
int mlrepo_open_process(int process);

// How a process ended, as wait(2) tells it, by that descriptor. Returns 0, or -1 where that is not known (before Linux 6.15), or not yet:
// its parent has to be told first.
int mlrepo_process_status(int process, int *status);

// Makes a terminal of its own that is like another one, but for what that does with the ends of lines. ends[0] reads what is printed
// on ends[1]. Returns 0, or -1.
int mlrepo_open_terminal(int like, int ends[2]);

// Gives a terminal the size of another one.
void mlrepo_copy_terminal_size(int from, int to);

// Makes a pipe that no command inherits. Returns 0, or -1. (pipe2(2) is declared for GNU programs only.)
int mlrepo_open_pipe(int ends[2]);

// With which flags a descriptor was opened that a command will find open; -1 if there is none.
int mlrepo_descriptor_flags(int descriptor);

// Room for what the kernel tells of a call. It begins with the call's id.
enum { MLREPO_NOTICE_SIZE = 1024 };

// Takes the next call, and waits for one. The kernel writes into the room, which holds no answered call's id meanwhile. Returns 0, or
// an error number: ENOENT where the caller is gone, or all are (older kernels wait on then), EINTR when a signal came.
int mlrepo_next_call(int listener, void *room, struct mlrepo_call *call);

// Lets a call go on.
void mlrepo_allow_call(int listener, uint64_t id);

// When a file was made, in nanoseconds since 1970; -1 where its file system does not tell.
int64_t mlrepo_birth(const char *path);

// The time as files are stamped with it, in nanoseconds since 1970.
int64_t mlrepo_file_time(void);

// Reads memory of another process; what lies before a page that is not there is read. Returns a count of bytes, or -1.
long mlrepo_read_memory(uint32_t process, uint64_t address, void *buffer, size_t size);

// What goes on for a command whose observer is gone.
struct mlrepo_caretaking {
    int observer;       // ends when the observer does
    int listener;       // or -1
    const void *room;   // of the observer's calls, in shared memory: one that it had taken is answered
    int drained;        // what strace writes, which nobody reads any more; or -1
    int from[2];        // what the command prints
    int to[2];          // where it is shown
    int log[2];         // where it is kept
};

// Starts a process that waits for the observer's end, and then lets all calls go on and passes on what is printed, until there is
// nobody left. Returns its number, or -1.
int mlrepo_start_caretaker(const struct mlrepo_caretaking *work);
#endif

#endif
