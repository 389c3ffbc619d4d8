/* catalogue.h - the tasks that the workers of this farm have, each (name, version) once, with a class number
 * for the scheduler. An entry stays when its last worker leaves: jobs may wait for one. One thread. */
#ifndef QX_MASTER_CATALOGUE_H
#define QX_MASTER_CATALOGUE_H

#include "common/decl.h"

struct catalogue;

qx_err catalogue_new(struct catalogue **ret);
void catalogue_free(struct catalogue *c);
/* Copies *decl in if it is new, else compares: INVALID if the same name and version was declared differently before. */
qx_err catalogue_add(struct catalogue *c, const struct task_decl *decl, uint32_t *ret_class,
                     struct qx_error *err);
/* version "": the newest by numeric dotted order. NOTFOUND names the nearest task, or the versions there are. */
qx_err catalogue_find(const struct catalogue *c, const char *name, const char *version, uint32_t *ret_class,
                      struct qx_error *err);
const struct task_decl *catalogue_decl(const struct catalogue *c, uint32_t class_id);
uint32_t catalogue_count(const struct catalogue *c);
#endif
