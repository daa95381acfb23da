#ifndef MLREPO_REPORTING_H
#define MLREPO_REPORTING_H

// The end of the preloaded library's socket that listens. C, since the kernel's messages are made and read by macros.

#include "Report.h"

#ifdef __linux__
#include <stddef.h>
#include <stdint.h>

// What came with a datagram.
struct mlrepo_sender {
    uint32_t process, user;
    int waiting; // a descriptor by which the sender is told to go on, or -1
};

// Makes a socket on which the library tells, with a name in a directory. Returns the descriptor, or -1.
int mlrepo_open_reports(const char *path);

// Takes the next datagram, if one is there. Returns its length, more than the size where it did not fit, or -1.
long mlrepo_next_report(int socket, void *buffer, size_t size, struct mlrepo_sender *sender);

// Tells a sender to go on.
void mlrepo_answer_report(const struct mlrepo_sender *sender);

// Sends a datagram, as the library would, and with it a descriptor if it is not -1. Returns 0, or -1. For tests.
int mlrepo_send_report(const char *path, const void *bytes, size_t size, int descriptor);
#endif

#endif
