/* The network: a connection a worker with four channels, each in order; a lost connection loses what is in flight. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

void sim_message_free(struct sim_message *m)
{
    free(m->list);
    if (m->result)
        sim_result_unref(m->result);
    free(m);
}

/* Handshakes get through: their loss is the loss of the connection. All else may be lost alone, too. */
static bool is_lost(struct sim *s, const struct sim_message *m)
{
    return !sim_quiet(s) && m->type != MSG_HELLO && m->type != MSG_WELCOME &&
           sim_chance(s, s->loss_per_mille);
}

static void put_on_wire(struct sim *s, const struct sim_message *m)
{
    struct sim_worker *w = &s->workers[m->worker];
    struct sim_message *copy = malloc(sizeof *copy);
    sim_expect(copy != NULL);
    *copy = *m;
    uint64_t at = s->now_ns + s->latency_ns / 2 + sim_below(s, s->latency_ns + 1);
    if (!sim_quiet(s) && sim_chance(s, 5))
        at += sim_below(s, 2 * SIM_S); /* it hangs somewhere, and what follows behind it */
    if (at <= w->last_at_ns[m->channel])
        at = w->last_at_ns[m->channel] + 1;
    w->last_at_ns[m->channel] = at;
    sim_push(s, (struct sim_event){.at_ns = at, .what = SIM_MESSAGE, .worker = m->worker, .message = copy});
}

void sim_send(struct sim *s, struct sim_message m)
{
    struct sim_worker *w = &s->workers[m.worker];
    m.epoch = w->epoch;
    m.life = m.life ? m.life : w->life;
    if (is_lost(s, &m)) {
        free(m.list);
        if (m.result)
            sim_result_unref(m.result);
        return;
    }
    bool twice = !sim_quiet(s) && m.type == MSG_RESULT && sim_chance(s, 20);
    put_on_wire(s, &m);
    if (twice) { /* as after a reconnection in the middle of a send */
        m.result = sim_result_ref(m.result);
        put_on_wire(s, &m);
    }
}

bool sim_arrives(struct sim *s, const struct sim_message *m)
{
    const struct sim_worker *w = &s->workers[m->worker];
    bool up = m->channel == SIM_CONTROL_UP || m->channel == SIM_SINK;
    return m->epoch == w->epoch && s->now_ns >= w->silent_until_ns &&
           (up || (w->alive && m->life == w->life));
}

void sim_disconnect(struct sim *s, uint32_t worker)
{
    struct sim_worker *w = &s->workers[worker];
    w->epoch++;
    memset(w->last_at_ns, 0, sizeof w->last_at_ns);
}
