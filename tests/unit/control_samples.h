/* control_samples.h - one control message of each type, every field set to something of its own. */
#ifndef QX_TESTS_CONTROL_SAMPLES_H
#define QX_TESTS_CONTROL_SAMPLES_H

#include "proto/control.h"

struct control control_sample(enum control_type type); /* borrows static data */
const struct job_spec *job_spec_sample(void);

#endif
