#ifndef MLREPO_PRELOAD_H
#define MLREPO_PRELOAD_H

// The library has no functions of its own: it stands in for the C library's.

#endif
