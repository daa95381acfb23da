#define _GNU_SOURCE
#include "Reporting.h"

#ifdef __linux__
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int set_name(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -1;
    strcpy(address->sun_path, path);
    return 0;
}

int mlrepo_open_reports(const char *path) {
    struct sockaddr_un address;
    if (set_name(&address, path) != 0) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int yes = 1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0
        && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) {
        return descriptor;
    }
    int failure = errno;
    close(descriptor);
    errno = failure;
    return -1;
}

long mlrepo_next_report(int socket, void *buffer, size_t size, struct mlrepo_sender *sender) {
    // Room for what a sender of ours adds; the kernel drops the descriptors that others add to it.
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct iovec data = {buffer, size};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *sender = (struct mlrepo_sender){0, UINT32_MAX, -1};
    ssize_t count;
    do {
        count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred facts;
            memcpy(&facts, CMSG_DATA(header), sizeof facts);
            sender->process = (uint32_t)facts.pid;
            sender->user = facts.uid;
        } else if (header->cmsg_type == SCM_RIGHTS) {
            size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t index = 0; index < number; index++) {
                int descriptor;
                memcpy(&descriptor, CMSG_DATA(header) + index * sizeof descriptor, sizeof descriptor);
                if (sender->waiting < 0) {
                    sender->waiting = descriptor;
                } else {
                    close(descriptor);
                }
            }
        }
    }
    return count;
}

void mlrepo_answer_report(const struct mlrepo_sender *sender) {
    if (sender->waiting < 0) return;
    // Whatever else came as a descriptor takes no such thing, and nobody waits here.
    send(sender->waiting, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(sender->waiting);
}

int mlrepo_send_report(const char *path, const void *bytes, size_t size, int descriptor) {
    struct sockaddr_un address;
    if (set_name(&address, path) != 0) return -1;
    int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (from < 0) return -1;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    memset(&control, 0, sizeof control);
    struct iovec data = {(void *)bytes, size};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &data, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    ssize_t count = sendmsg(from, &message, MSG_NOSIGNAL);
    close(from);
    return count == (ssize_t)size ? 0 : -1;
}
#endif
