#include "originals.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include "raw.h"
#include "tell.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

// MARK: The variable that loads this library into the next program

static const char variable[] = "LD_PRELOAD=";
enum { variable_length = sizeof variable - 1 };

// What is to become of an environment.
struct plan {
    enum { as_it_is, with_library, without_library } change;
    size_t count;      // of its variables
    size_t place;      // of the one in question, or count
    const char *value; // of that; "" where there is none
    size_t slots;      // room for the new one's variables, with its end
    size_t bytes;      // and for what is new in it
};

static int is_separator(char letter) { return letter == ':' || letter == ' '; }

// The library among others; NULL if it is none of them.
static const char *find_library(const char *value) {
    size_t length = strlen(told_library);
    for (const char *next = value; *next != 0;) {
        const char *end = next;
        while (*end != 0 && !is_separator(*end)) end++;
        if ((size_t)(end - next) == length && memcmp(next, told_library, length) == 0) return next;
        next = *end == 0 ? end : end + 1;
    }
    return NULL;
}

// More than these are left as they are: the copy lies on a stack.
enum { most = 16384, longest_value = 65536 };

static struct plan plan_for(char *const *environment) {
    struct plan plan = {as_it_is, 0, 0, "", 1, 1};
    if (told_library[0] == 0) return plan;
    size_t place = SIZE_MAX;
    if (environment != NULL) {
        for (; environment[plan.count] != NULL; plan.count++) {
            if (place == SIZE_MAX && strncmp(environment[plan.count], variable, variable_length) == 0) place = plan.count;
        }
    }
    plan.place = place == SIZE_MAX ? plan.count : place;
    if (place != SIZE_MAX) plan.value = environment[place] + variable_length;
    int is_there = find_library(plan.value) != NULL;
    // Behind another root, or without rights, the loader would complain of it.
    int is_found = RAW(faccessat, AT_FDCWD, told_library, R_OK, 0) == 0;
    if (is_there == is_found) return plan;
    size_t length = strlen(plan.value);
    if (plan.count > most || length > longest_value) {
        tell_fact(MLREPO_REPORT_UNWATCHED, 0, 0);
        return plan;
    }
    plan.change = is_found ? with_library : without_library;
    plan.slots = plan.count + 2;
    plan.bytes = variable_length + strlen(told_library) + 1 + length + 1;
    return plan;
}

static char *const *planned(const struct plan *plan, char *const *environment, char **slots, char *bytes) {
    if (plan->change == as_it_is) return environment;
    char *end = bytes;
    memcpy(end, variable, variable_length);
    end += variable_length;
    size_t own = strlen(told_library);
    if (plan->change == with_library) {
        memcpy(end, told_library, own);
        end += own;
        if (plan->value[0] != 0) *end++ = ':';
        strcpy(end, plan->value);
    } else {
        const char *found = find_library(plan->value);
        size_t before = found == NULL ? 0 : (size_t)(found - plan->value);
        memcpy(end, plan->value, before);
        const char *rest = found == NULL ? plan->value : found + own;
        strcpy(end + before, is_separator(*rest) ? rest + 1 : rest);
    }
    if (plan->count > 0) memcpy(slots, environment, plan->count * sizeof *slots);
    slots[plan->place] = bytes;
    slots[plan->place == plan->count ? plan->count + 1 : plan->count] = NULL;
    return slots;
}

#define WITH_LIBRARY(environment) \
    struct plan plan = plan_for(environment); \
    char *slots[plan.slots]; \
    char bytes[plan.bytes]; \
    char *const *used = planned(&plan, environment, slots, bytes)

// MARK: Programs that are looked for

// Where a program is found on PATH, or the name itself; NULL if it is not found.
static const char *find_program(const char *name, char room[PATH_MAX]) {
    if (name == NULL || name[0] == 0) return NULL;
    if (strchr(name, '/') != NULL) return name;
    const char *next = getenv("PATH");
    if (next == NULL) next = "/bin:/usr/bin";
    size_t length = strlen(name);
    while (1) {
        size_t directory = strcspn(next, ":");
        if (directory + length + 2 <= PATH_MAX) {
            memcpy(room, next, directory);
            if (directory > 0) room[directory++] = '/';
            memcpy(room + directory, name, length + 1);
            struct stat facts;
            if (RAW(faccessat, AT_FDCWD, room, X_OK, 0) == 0 && RAW(newfstatat, AT_FDCWD, room, &facts, 0) == 0
                && S_ISREG(facts.st_mode)) {
                return room;
            }
        }
        next += strcspn(next, ":");
        if (*next == 0) return NULL;
        next++;
    }
}

static void tell_searched(enum mlrepo_report_kind kind, const char *name) {
    char room[PATH_MAX];
    const char *found = find_program(name, room);
    if (found != NULL) tell_name(kind, 0, AT_FDCWD, found, 1);
}

// MARK: Taking the process's place

STANDS_IN int execve(const char *path, char *const arguments[], char *const environment[]) {
    prepare();
    WITH_LIBRARY(environment);
    tell_name(MLREPO_REPORT_EXECUTE, 0, AT_FDCWD, path, 1);
    int result = original.execve(path, arguments, used);
    tell_fact(MLREPO_REPORT_FAILED, 0, 0);
    return result;
}

STANDS_IN int execvpe(const char *name, char *const arguments[], char *const environment[]) {
    prepare();
    WITH_LIBRARY(environment);
    tell_searched(MLREPO_REPORT_EXECUTE, name);
    int result = original.execvpe(name, arguments, used);
    tell_fact(MLREPO_REPORT_FAILED, 0, 0);
    return result;
}

STANDS_IN int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }
STANDS_IN int execvp(const char *name, char *const arguments[]) { return execvpe(name, arguments, environ); }

STANDS_IN int fexecve(int descriptor, char *const arguments[], char *const environment[]) {
    prepare();
    WITH_LIBRARY(environment);
    tell_descriptor(MLREPO_REPORT_EXECUTE, descriptor);
    int result = original.fexecve(descriptor, arguments, used);
    tell_fact(MLREPO_REPORT_FAILED, 0, 0);
    return result;
}

STANDS_IN int execveat(int directory, const char *path, char *const arguments[], char *const environment[], int flags) {
    prepare();
    if (original.execveat == NULL) {
        errno = ENOSYS;
        return -1;
    }
    WITH_LIBRARY(environment);
    if (path != NULL && path[0] == 0) {
        tell_descriptor(MLREPO_REPORT_EXECUTE, directory);
    } else {
        tell_name(MLREPO_REPORT_EXECUTE, 0, directory, path, 1);
    }
    int result = original.execveat(directory, path, arguments, used, flags);
    tell_fact(MLREPO_REPORT_FAILED, 0, 0);
    return result;
}

static size_t count_words(va_list words) {
    size_t count = 0;
    while (va_arg(words, char *) != NULL) count++;
    return count;
}

// The words of a call as an array; what comes behind them can be read then.
#define WORDS(first) \
    va_list rest; \
    va_start(rest, first); \
    size_t count = (first) == NULL ? 0 : 1 + count_words(rest); \
    va_end(rest); \
    char *arguments[count + 1]; \
    va_start(rest, first); \
    arguments[0] = (char *)(first); \
    for (size_t index = 1; index <= count; index++) arguments[index] = va_arg(rest, char *)

STANDS_IN int execl(const char *path, const char *first, ...) {
    WORDS(first);
    va_end(rest);
    return execve(path, arguments, environ);
}

STANDS_IN int execlp(const char *name, const char *first, ...) {
    WORDS(first);
    va_end(rest);
    return execvpe(name, arguments, environ);
}

STANDS_IN int execle(const char *path, const char *first, ...) {
    WORDS(first);
    char *const *environment = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, arguments, environment);
}

// MARK: Making a process

STANDS_IN pid_t fork(void) {
    prepare();
    pid_t process = original.fork();
    if (process == 0) tell_fact(MLREPO_REPORT_BORN, 0, 0);
    return process;
}

STANDS_IN int posix_spawn(
    pid_t *restrict process, const char *restrict path, const posix_spawn_file_actions_t *restrict actions,
    const posix_spawnattr_t *restrict attributes, char *const arguments[restrict], char *const environment[restrict]
) {
    prepare();
    WITH_LIBRARY(environment);
    tell_name(MLREPO_REPORT_SPAWN, 0, AT_FDCWD, path, 1);
    pid_t made = 0;
    int result = original.posix_spawn(&made, path, actions, attributes, arguments, used);
    if (result != 0) return result;
    if (process != NULL) *process = made;
    tell_fact(MLREPO_REPORT_SPAWNED, (unsigned)made, 0);
    return 0;
}

STANDS_IN int posix_spawnp(
    pid_t *restrict process, const char *restrict name, const posix_spawn_file_actions_t *restrict actions,
    const posix_spawnattr_t *restrict attributes, char *const arguments[restrict], char *const environment[restrict]
) {
    prepare();
    WITH_LIBRARY(environment);
    tell_searched(MLREPO_REPORT_SPAWN, name);
    pid_t made = 0;
    int result = original.posix_spawnp(&made, name, actions, attributes, arguments, used);
    if (result != 0) return result;
    if (process != NULL) *process = made;
    tell_fact(MLREPO_REPORT_SPAWNED, (unsigned)made, 0);
    return 0;
}

// It is opened later, by the C library itself.
STANDS_IN int posix_spawn_file_actions_addopen(
    posix_spawn_file_actions_t *restrict actions, int descriptor, const char *restrict path, int flags, mode_t mode
) {
    prepare();
    tell_opening(AT_FDCWD, path, flags);
    return original.posix_spawn_file_actions_addopen(actions, descriptor, path, flags, mode);
}

// A shell that is started from within the C library gets the environment as it is.
static void tell_shell(void) {
    if (plan_for(environ).change == with_library) tell_fact(MLREPO_REPORT_UNWATCHED, 0, 0);
}

STANDS_IN int system(const char *words) {
    prepare();
    if (words != NULL) tell_shell();
    return original.system(words);
}

STANDS_IN FILE *popen(const char *words, const char *mode) {
    prepare();
    tell_shell();
    return original.popen(words, mode);
}
#endif
