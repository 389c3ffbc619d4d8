/* nouns.h - the tables of what messages are made of. Private to proto/. */
#ifndef QX_PROTO_NOUNS_H
#define QX_PROTO_NOUNS_H

#include "proto/codec.h"

/* Of the structs that are named alike: struct job_spec and so on. */
extern const struct message job_spec_message, job_info_message, task_decl_message, blob_ref_message,
    cell_answer_message, worker_info_message;

#endif
