#include "tests/support/crude.h"
#include "tests/support/harness.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *at)
{
    crude *c = at;
    for (int client; (client = accept(c->listener, NULL, NULL)) >= 0;) {
        char request[4096];
        (void)!read(client, request, sizeof request);
        for (size_t i = 0; c->sends && i < c->repeats; i++) {
            if (send(client, c->sends, strlen(c->sends), MSG_NOSIGNAL) < 0) break;
        }
        if (!c->sends) (void)!read(client, request, sizeof request); /* until the other side has had enough */
        close(client);
    }
    return NULL;
}

void crude_start(crude *c, const char *sends, size_t repeats)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *c = (crude){.listener = socket(AF_INET, SOCK_STREAM, 0), .sends = sends, .repeats = repeats};
    assert_int_equal(bind(c->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(c->listener, 8), 0);
    assert_int_equal(getsockname(c->listener, (struct sockaddr *)&at, &len), 0);
    c->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&c->thread, NULL, serve, c), 0);
}

void crude_end(crude *c)
{
    shutdown(c->listener, SHUT_RDWR);
    close(c->listener);
    pthread_join(c->thread, NULL);
}
