/* syntax.h - texts in R's syntax as trees: formulas and the expressions in them.
 *
 * Operators by precedence, low to high: ~, || |, && &, !, < <= > >= == !=, + -, * /, %% %/% %in%, :, unary + -, ^
 * (right to left). Numbers, "texts", names (letters, digits, dots, underscores; others in `backticks`), calls f(x, a = 1). Pure. */
#ifndef TASKS_MODEL_SYNTAX_H
#define TASKS_MODEL_SYNTAX_H

#include "shared/place.h"

enum { SYNTAX_TEXT_MAX = 8192 };

enum node_kind { NODE_NUMBER, NODE_TEXT, NODE_NAME, NODE_CALL, NODE_OP };
enum node_op {
    OP_TILDE, /* one side or two */
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_EQ,
    OP_NE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_INTDIV,
    OP_IN,
    OP_COLON,
    OP_PLUS, /* unary */
    OP_NEG,
    OP_POW,
    OP_PAREN,
    OP_COUNT
};

struct node {
    enum node_kind kind;
    enum node_op op; /* OP */
    uint32_t at;     /* byte in the text */
    double number;
    const char *name;                /* NAME, TEXT; CALL: of the function */
    const char *arg_name;            /* as an argument: "a" of f(a = 1), NULL */
    const struct node *first, *next; /* operands or arguments; the next one of the parent's */
};

/* Where and why a text is refused. */
struct syntax_error {
    char text[PLACE_BYTES]; /* as place_error() tells it */
    uint32_t at;            /* byte */
};

struct syntax; /* owns the nodes and their names */

/* NULL on a mistake, and where memory ran out (said in the text too). */
struct syntax *syntax_new(const char *text, struct syntax_error *err);
struct syntax *syntax_free(struct syntax *s); /* NULL is fine; returns NULL */
const struct node *syntax_root(const struct syntax *s);

/* A mistake that later stages find at a node; returns false. */
bool syntax_fail(const struct syntax *s, const struct node *at, struct syntax_error *err, const char *fmt,
                 ...) __attribute__((format(printf, 4, 5)));

/* The tree as R deparses it: "I(x^2)", "poly(x, 3)". Cut at the end of the buffer; returns the whole length. */
size_t syntax_write(const struct node *n, char *ret, size_t ret_bytes);
/* A number as R writes it, 15 digits: "1e+05", "0.1", "-2". */
enum { SYNTAX_NUMBER_BYTES = 32 };
void syntax_number(double v, char ret[SYNTAX_NUMBER_BYTES]);

#endif
