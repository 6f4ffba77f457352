/* Shared by the parts of the int8 scan; see scan.c for the whole. */
#ifndef SHORTLIST_SCAN_H
#define SHORTLIST_SCAN_H

#include <stdint.h>

enum {
    LANES = 16,        /* rows in a group: one 64-byte line holds 4 dimensions of each */
    GROUPS = 4,        /* groups scored together; packed arrays are whole multiples of these */
    BLOCK = 1024,      /* rows that share error bounds */
    QUEUE = 32         /* rows of a query that wait for their float score */
};

/* Rows that lie together in memory: as codes, and as the floats they were made of. */
typedef struct {
    const uint8_t *codes;  /* [groups][ceil(d / 4)][LANES][4], value + 128 */
    const float *inverse;  /* [rows], 1 / scale */
    const float *bounds;   /* [blocks][2], largest error norm and largest code norm */
    const float *vectors;  /* [rows][d] */
    int64_t rows;
    int64_t first;         /* the number of the first row */
} Chunk;

typedef struct {
    double score;
    int64_t row;
} Hit;

/* One query and the best it has met so far. */
typedef struct {
    const int8_t *codes;   /* [4 ceil(d / 4)] */
    const float *vector;   /* [d] */
    const int64_t *denied; /* ascending rows */
    int64_t denials;
    int32_t offset;        /* 128 times the sum of the codes */
    float scale;
    double norm, error;    /* of the query and of what its codes leave out, in units of scale */
    float slack;           /* by how much an integer score may be too low, in this block */
    float cut;             /* the k-th best score, in units of scale */
    Hit *heap;             /* [k], the worst first */
    int64_t found;
    const float *waiting[QUEUE];
    int64_t waiting_rows[QUEUE];
    int waiting_count;
} Query;

typedef struct {
    const uint8_t *hidden; /* by row, or NULL */
    int64_t dim, quads, k;
} Scan;

/* Score the first `groups` groups of a chunk, from row `start` of it, for `count` queries. */
typedef void Kernel(const Scan *scan, const Chunk *chunk, int64_t start, int64_t groups,
                    Query *queries, int64_t count);

/* A row whose integer score may reach the cut. */
void shortlist_offer(const Scan *scan, const Chunk *chunk, int64_t row, Query *query);

#endif
