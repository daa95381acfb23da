#include "originals.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include "tell.h"
#include <stdint.h>
#include <sys/syscall.h>

// Two functions that must be gone on with as if nobody stood in for them: syscall(2) may return twice, or on another stack, and
// dlopen(3) looks where it was called from. So what is told is told with their arguments put by, and then the original is jumped to.

#if defined(__x86_64__)
#define JUMPS(name) \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
            ".cfi_startproc\n endbr64\n" \
            " pushq %rdi\n .cfi_adjust_cfa_offset 8\n pushq %rsi\n .cfi_adjust_cfa_offset 8\n" \
            " pushq %rdx\n .cfi_adjust_cfa_offset 8\n pushq %rcx\n .cfi_adjust_cfa_offset 8\n" \
            " pushq %r8\n .cfi_adjust_cfa_offset 8\n pushq %r9\n .cfi_adjust_cfa_offset 8\n" \
            " pushq %rax\n .cfi_adjust_cfa_offset 8\n" \
            " call before_" #name "\n" \
            " popq %rax\n .cfi_adjust_cfa_offset -8\n" \
            " popq %r9\n .cfi_adjust_cfa_offset -8\n popq %r8\n .cfi_adjust_cfa_offset -8\n" \
            " popq %rcx\n .cfi_adjust_cfa_offset -8\n popq %rdx\n .cfi_adjust_cfa_offset -8\n" \
            " popq %rsi\n .cfi_adjust_cfa_offset -8\n popq %rdi\n .cfi_adjust_cfa_offset -8\n" \
            " jmp *original_" #name "(%rip)\n .cfi_endproc\n.size " #name ", .-" #name "\n")
#else
#define JUMPS(name) \
    __asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n" \
            ".cfi_startproc\n hint #34\n" \
            " stp x29, x30, [sp, #-80]!\n .cfi_def_cfa_offset 80\n .cfi_offset x29, -80\n .cfi_offset x30, -72\n" \
            " stp x0, x1, [sp, #16]\n stp x2, x3, [sp, #32]\n stp x4, x5, [sp, #48]\n stp x6, x7, [sp, #64]\n" \
            " bl before_" #name "\n" \
            " ldp x0, x1, [sp, #16]\n ldp x2, x3, [sp, #32]\n ldp x4, x5, [sp, #48]\n ldp x6, x7, [sp, #64]\n" \
            " ldp x29, x30, [sp], #80\n .cfi_def_cfa_offset 0\n .cfi_restore x29\n .cfi_restore x30\n" \
            " adrp x16, original_" #name "\n ldr x16, [x16, :lo12:original_" #name "]\n br x16\n" \
            " .cfi_endproc\n.size " #name ", .-" #name "\n")
#endif

#define FROM_ASSEMBLY __attribute__((used, visibility("hidden")))

FROM_ASSEMBLY void before_dlopen(const char *name);
FROM_ASSEMBLY void before_syscall(long number, long a, long b, long c, long d, long e);

void before_dlopen(const char *name) {
    prepare();
    // What has no slash is looked for among the system's libraries.
    for (const char *letter = name; letter != NULL && *letter != 0; letter++) {
        if (*letter != '/') continue;
        tell_opening(AT_FDCWD, name, O_RDONLY);
        return;
    }
}
JUMPS(dlopen);

void before_syscall(long number, long a, long b, long c, long d, long e) {
    prepare();
    switch (number) {
    case SYS_openat: tell_opening((int)a, (const char *)b, (int)c); break;
#ifdef SYS_openat2
    // struct open_how begins with the flags.
    case SYS_openat2:
        if (c != 0) tell_opening((int)a, (const char *)b, (int)*(const uint64_t *)c);
        break;
#endif
    case SYS_execve: tell_name(MLREPO_REPORT_EXECUTE, 0, AT_FDCWD, (const char *)a, 1); break;
    case SYS_execveat:
        if (b != 0 && *(const char *)b == 0) {
            tell_descriptor(MLREPO_REPORT_EXECUTE, (int)a);
        } else {
            tell_name(MLREPO_REPORT_EXECUTE, 0, (int)a, (const char *)b, 1);
        }
        break;
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2: tell_names(MLREPO_REPORT_RENAME, (int)a, (const char *)b, (int)c, (const char *)d); break;
    case SYS_linkat: tell_name(MLREPO_REPORT_LINK, 0, (int)c, (const char *)d, 1); break;
    case SYS_symlinkat: tell_name(MLREPO_REPORT_SYMLINK, 0, (int)b, (const char *)c, 1); break;
    case SYS_unlinkat:
        if ((c & AT_REMOVEDIR) == 0) tell_name(MLREPO_REPORT_REMOVE, 0, (int)a, (const char *)b, 1);
        break;
    case SYS_truncate: tell_name(MLREPO_REPORT_TRUNCATE, b != 0, AT_FDCWD, (const char *)a, 1); break;
#ifdef SYS_io_uring_setup
    case SYS_io_uring_setup: tell_fact(MLREPO_REPORT_RING, 0, 0); break;
#endif
    case SYS_open_by_handle_at: tell_fact(MLREPO_REPORT_HANDLE, 0, 0); break;
    case SYS_chroot:
    case SYS_pivot_root:
    case SYS_unshare:
    case SYS_setns: tell_fact(MLREPO_REPORT_ROOT, 0, 1); break;
#ifdef SYS_open
    case SYS_open: tell_opening(AT_FDCWD, (const char *)a, (int)b); break;
    case SYS_creat: tell_opening(AT_FDCWD, (const char *)a, O_CREAT | O_WRONLY | O_TRUNC); break;
    case SYS_rename: tell_names(MLREPO_REPORT_RENAME, AT_FDCWD, (const char *)a, AT_FDCWD, (const char *)b); break;
    case SYS_link: tell_name(MLREPO_REPORT_LINK, 0, AT_FDCWD, (const char *)b, 1); break;
    case SYS_symlink: tell_name(MLREPO_REPORT_SYMLINK, 0, AT_FDCWD, (const char *)b, 1); break;
    case SYS_unlink: tell_name(MLREPO_REPORT_REMOVE, 0, AT_FDCWD, (const char *)a, 1); break;
#endif
    default: (void)e; break;
    }
}
JUMPS(syscall);
#endif
