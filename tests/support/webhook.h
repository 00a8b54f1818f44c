/* A webhook that is listened to: HTTPS on a free port of this machine, with certificates made for the program. It
 * answers with the status that is the path ("/503"). */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct webhook_post {
    unsigned count; /* that came so far, with this one */
    char path[64], method[16], type[64], authorization[128], body[1024];
} webhook_post;
uint16_t webhook_port(void); /* starts it */
webhook_post webhook_last(void);
void webhook_answers(unsigned status);      /* whatever the path says; 0: what the path says */
const char *webhook_file(const char *name); /* "server.crt" is its own, "stranger.crt" is not; others may be made */
