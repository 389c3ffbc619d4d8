/* farm.h - an embedded farm: a private master and one worker as children of this process, in a private folder. They
 * end when it is closed, and when the process (the thread that opened it) ends in any way. */
#ifndef QX_CLIENT_FARM_H
#define QX_CLIENT_FARM_H

#include <stdbool.h>
#include <stdint.h>

#include "quincunx/error.h"

struct farm;

/* Starts both at once and does not wait. slots 0: one a core. Errors name the program that cannot be started. */
qx_err farm_open(uint32_t slots, const char *const *plugin_dirs, struct farm **ret, struct qx_error *err);
void farm_close(struct farm *f); /* NULL is fine */
const char *farm_address(const struct farm *f);
/* Descriptors that become readable when a child ends. */
void farm_fds(const struct farm *f, int ret_fds[2]);
/* Has one ended? Then says which, how, and its last words. */
bool farm_failed(struct farm *f, struct qx_error *err);
/* The last words of both, for an error that is not an end. Appended to err's text. */
void farm_last_words(const struct farm *f, struct qx_error *err);

#endif
