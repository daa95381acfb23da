#ifndef MLREPO_TELL_H
#define MLREPO_TELL_H

// Telling whoever watches what is about to be done. Nothing here allocates, takes a lock or touches errno.

#include "../CShims/include/Report.h"
#include <stddef.h>

// Where the library lies, as the variable LD_PRELOAD names it; empty where that is not known, and then nothing is told.
extern char told_library[256];

// Learns where the library lies and finds who is told.
void tell_prepare(const char *library);

// Tells of something that is no file.
void tell_fact(enum mlrepo_report_kind kind, unsigned value, int waits);

// Tells of a file by its name; directory is a descriptor, or AT_FDCWD.
void tell_name(enum mlrepo_report_kind kind, unsigned value, int directory, const char *name, int waits);

// Tells of two.
void tell_names(enum mlrepo_report_kind kind, int directory, const char *name, int other_directory, const char *other);

// Tells that a file or directory is about to be opened, unless it has no name, or is nothing but a place.
void tell_opening(int directory, const char *name, int flags);

// Tells which file a descriptor is.
void tell_descriptor(enum mlrepo_report_kind kind, int descriptor);

#endif
