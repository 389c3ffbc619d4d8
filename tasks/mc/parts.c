#include "mc/parts.h"

#include <string.h>

const char *part_end(const char *from, char stop)
{
    int depth = 0;
    for (; *from; from++) {
        if (*from == stop && depth == 0)
            break;
        depth += (*from == '(') - (*from == ')' && depth > 0);
    }
    return from;
}

bool part_copy(char *ret, size_t size, const char *from, const char *to)
{
    while (from < to && *from == ' ')
        from++;
    while (to > from && to[-1] == ' ')
        to--;
    if ((size_t)(to - from) >= size)
        return false;
    memcpy(ret, from, (size_t)(to - from));
    ret[to - from] = '\0';
    return true;
}
