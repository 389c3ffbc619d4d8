/* states.h - the state machines of the scheduler, as tables. docs/states.md shows the same tables; a test
 * compares them. Row 0 of an enum means "refused". Only the *_move functions of the core write a state. */
#ifndef QX_MASTER_CORE_STATES_H
#define QX_MASTER_CORE_STATES_H

#include <stdint.h>

enum job_phase { JOB_NONE, JOB_RUNNING, JOB_DONE, JOB_CANCELLED, JOB_FAILED, JOB_FORGOTTEN, JOB_PHASE_COUNT };
enum job_move { JOB_FINISH, JOB_EXTEND, JOB_CANCEL, JOB_FAIL, JOB_FORGET, JOB_MOVE_COUNT };

enum cell_phase {
    CELL_NONE,
    CELL_UNSIZED,  /* the task has not said yet how many items there are */
    CELL_OPEN,     /* blocks are missing */
    CELL_COMPLETE, /* all n items are in; the answer is not made yet */
    CELL_STOPPED,  /* cut by the stopping rule; the answer is not made yet */
    CELL_FINISHED, /* answered; an extension opens it again */
    CELL_SETTLED,  /* answered and cut by the rule: more items change nothing */
    CELL_PHASE_COUNT
};
enum cell_move { CELL_SIZE, CELL_FILL, CELL_STOP, CELL_ANSWER, CELL_EXTEND, CELL_MOVE_COUNT };

enum range_phase { RANGE_NONE, RANGE_FREE, RANGE_WAITING, RANGE_OUT, RANGE_PHASE_COUNT };
enum range_move { RANGE_ADD, RANGE_GRANT, RANGE_DELIVER, RANGE_RETURN, RANGE_REVOKE, RANGE_MOVE_COUNT };

enum worker_phase { WORKER_NONE, WORKER_ACTIVE, WORKER_DRAINING, WORKER_GONE, WORKER_PHASE_COUNT };
enum worker_move { WORKER_DRAIN, WORKER_LEAVE, WORKER_MOVE_COUNT };

extern const uint8_t sched_job_next[JOB_PHASE_COUNT][JOB_MOVE_COUNT];
extern const uint8_t sched_cell_next[CELL_PHASE_COUNT][CELL_MOVE_COUNT];
extern const uint8_t sched_range_next[RANGE_PHASE_COUNT][RANGE_MOVE_COUNT];
extern const uint8_t sched_worker_next[WORKER_PHASE_COUNT][WORKER_MOVE_COUNT];

/* The same machines for those who print them. names[0] is "-". */
struct state_machine {
    const char *name;
    unsigned n_phases, n_moves;
    const char *const *phases, *const *moves;
    const uint8_t *next; /* n_phases x n_moves */
};
enum { STATE_MACHINE_COUNT = 4 };
extern const struct state_machine state_machines[STATE_MACHINE_COUNT];

#endif
