#include "master/core/states.h"

const uint8_t sched_job_next[JOB_PHASE_COUNT][JOB_MOVE_COUNT] = {
    [JOB_RUNNING] = {[JOB_FINISH] = JOB_DONE,
                     [JOB_EXTEND] = JOB_RUNNING,
                     [JOB_CANCEL] = JOB_CANCELLED,
                     [JOB_FAIL] = JOB_FAILED},
    [JOB_DONE] = {[JOB_EXTEND] = JOB_RUNNING, [JOB_FORGET] = JOB_FORGOTTEN},
    [JOB_CANCELLED] = {[JOB_FORGET] = JOB_FORGOTTEN},
    [JOB_FAILED] = {[JOB_FORGET] = JOB_FORGOTTEN},
};

const uint8_t sched_cell_next[CELL_PHASE_COUNT][CELL_MOVE_COUNT] = {
    [CELL_UNSIZED] = {[CELL_SIZE] = CELL_OPEN, [CELL_STOP] = CELL_STOPPED},
    [CELL_OPEN] = {[CELL_FILL] = CELL_COMPLETE, [CELL_STOP] = CELL_STOPPED, [CELL_EXTEND] = CELL_OPEN},
    [CELL_COMPLETE] = {[CELL_STOP] = CELL_STOPPED, [CELL_ANSWER] = CELL_FINISHED, [CELL_EXTEND] = CELL_OPEN},
    [CELL_STOPPED] = {[CELL_ANSWER] = CELL_SETTLED},
    [CELL_FINISHED] = {[CELL_EXTEND] = CELL_OPEN},
};

const uint8_t sched_range_next[RANGE_PHASE_COUNT][RANGE_MOVE_COUNT] = {
    [RANGE_FREE] = {[RANGE_ADD] = RANGE_WAITING},
    [RANGE_WAITING] = {[RANGE_GRANT] = RANGE_OUT, [RANGE_REVOKE] = RANGE_FREE},
    [RANGE_OUT] = {[RANGE_DELIVER] = RANGE_FREE, [RANGE_RETURN] = RANGE_WAITING, [RANGE_REVOKE] = RANGE_FREE},
};

const uint8_t sched_worker_next[WORKER_PHASE_COUNT][WORKER_MOVE_COUNT] = {
    [WORKER_ACTIVE] = {[WORKER_DRAIN] = WORKER_DRAINING, [WORKER_LEAVE] = WORKER_GONE},
    [WORKER_DRAINING] = {[WORKER_DRAIN] = WORKER_DRAINING, [WORKER_LEAVE] = WORKER_GONE},
};

static const char *const job_phases[] = {"-", "running", "done", "cancelled", "failed", "forgotten"};
static const char *const job_moves[] = {"finish", "extend", "cancel", "fail", "forget"};
static const char *const cell_phases[] = {"-",       "unsized",  "open",   "complete",
                                          "stopped", "finished", "settled"};
static const char *const cell_moves[] = {"size", "fill", "stop", "answer", "extend"};
static const char *const range_phases[] = {"-", "free", "waiting", "out"};
static const char *const range_moves[] = {"add", "grant", "deliver", "return", "revoke"};
static const char *const worker_phases[] = {"-", "active", "draining", "gone"};
static const char *const worker_moves[] = {"drain", "leave"};

#define MACHINE(noun, COUNT)                                                                                 \
    {                                                                                                        \
#noun, COUNT##_PHASE_COUNT, COUNT##_MOVE_COUNT, noun##_phases, noun##_moves,                         \
            &sched_##noun##_next[0][0]                                                                       \
    }
const struct state_machine state_machines[STATE_MACHINE_COUNT] = {
    MACHINE(job, JOB),
    MACHINE(cell, CELL),
    MACHINE(range, RANGE),
    MACHINE(worker, WORKER),
};
