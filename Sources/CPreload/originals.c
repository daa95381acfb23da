#include "originals.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include "tell.h"
#include <dlfcn.h>
#include <link.h>
#include <string.h>

// These came from libdl to libc in glibc 2.34, under a new version; the old one is in all of them.
#if defined(__x86_64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dladdr, dladdr@GLIBC_2.2.5");
#else
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
__asm__(".symver dladdr, dladdr@GLIBC_2.17");
#endif

struct originals original;
// Of the functions that are stood in for in calls.c.
__attribute__((visibility("hidden"))) void *original_syscall, *original_dlopen;
static int is_prepared;

#define FIND(name) *(void **)&original.name = dlsym(RTLD_NEXT, #name)

void prepare(void) {
    if (__atomic_load_n(&is_prepared, __ATOMIC_ACQUIRE)) return;
    FIND(open);
    FIND(open64);
    FIND(openat);
    FIND(openat64);
    FIND(creat);
    FIND(creat64);
    FIND(fopen);
    FIND(fopen64);
    FIND(freopen);
    FIND(freopen64);
    FIND(opendir);
    FIND(fdopendir);
    FIND(mkostemps);
    FIND(rename);
    FIND(renameat);
    FIND(renameat2);
    FIND(link);
    FIND(linkat);
    FIND(symlink);
    FIND(symlinkat);
    FIND(unlink);
    FIND(unlinkat);
    FIND(remove);
    FIND(truncate);
    FIND(truncate64);
    FIND(chroot);
    FIND(unshare);
    FIND(setns);
    FIND(open_by_handle_at);
    FIND(fork);
    FIND(execve);
    FIND(execvpe);
    FIND(fexecve);
    FIND(execveat);
    FIND(posix_spawn);
    FIND(posix_spawnp);
    FIND(posix_spawn_file_actions_addopen);
    FIND(system);
    FIND(popen);
    original_syscall = dlsym(RTLD_NEXT, "syscall");
    original_dlopen = dlsym(RTLD_NEXT, "dlopen");
    // C libraries whose sizes of files have one width only.
    if (original.open64 == NULL) original.open64 = original.open;
    if (original.openat64 == NULL) original.openat64 = original.openat;
    if (original.creat64 == NULL) original.creat64 = original.creat;
    if (original.fopen64 == NULL) original.fopen64 = original.fopen;
    if (original.freopen64 == NULL) original.freopen64 = original.freopen;
    if (original.truncate64 == NULL) *(void **)&original.truncate64 = *(void **)&original.truncate;
    Dl_info facts;
    if (dladdr((void *)&original, &facts) != 0) tell_prepare(facts.dli_fname);
    __atomic_store_n(&is_prepared, 1, __ATOMIC_RELEASE);
}

static int begins(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

// A library that was loaded with the program, by calls of the loader's own.
static int tell_loaded(struct dl_phdr_info *facts, size_t size, void *nothing) {
    (void)size;
    (void)nothing;
    const char *name = facts->dlpi_name;
    if (name == NULL || strchr(name, '/') == NULL || strcmp(name, told_library) == 0) return 0;
    if (begins(name, "/usr/lib") || begins(name, "/lib")) return 0;
    tell_opening(AT_FDCWD, name, O_RDONLY);
    return 0;
}

static __attribute__((constructor)) void begin(void) {
    prepare();
    tell_fact(MLREPO_REPORT_HELLO, 0, 1);
    dl_iterate_phdr(tell_loaded, NULL);
}
#endif
