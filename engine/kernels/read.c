/* Conditions read by a bidirectional LSTM, many at a time: tokens in, what a decoder looks at out.

   Knows: the encoder's sizes and packed weights, conditions of any lengths side by side. Does not know: tokens,
   memory: that is Python's (`engine/native_reader.py`, which mirrors the structure below).

   A condition's numbers depend neither on those beside it nor on the machine (`lanes.h`, `products.h`). */

#include "products.h"

typedef struct {
    dense inputs[2], recurrent[2]; /* (4C, E), (4C, C): ahead and back; in, forget, out, update */
    dense key;                     /* (E, 2C) */
    dense meant, heard;            /* (H, M), (2C, H): what a condition means, where `means` */
    int64_t hidden, means;
} reader;

typedef struct { /* T tokens of N conditions */
    const int64_t *starts;     /* (N + 1,): where each begins, and all end */
    const float *words;        /* (T, E) their embeddings */
    const float *meaning;      /* (N, M) */
    float *gates;              /* (T, outputs of `inputs`), to work in */
    float *cells;              /* (N, C), to work in */
    float *within;             /* (N, outputs of `meant`), to work in */
    float *memory, *keys;      /* (T, 2C), (T, outputs of `key`) */
    float *summary, *added;    /* (N, 2C), (N, outputs of `heard`) */
    int64_t count;
} conditions;

static void one_way(const reader *m, conditions *c, int back) {
    int64_t h = m->hidden, wide = m->inputs[back].outputs, longest = 0;
    dense_multiply(&m->inputs[back], c->words, c->starts[c->count], c->gates);
    for (int64_t i = 0; i < c->count; i++)
        longest = c->starts[i + 1] - c->starts[i] > longest ? c->starts[i + 1] - c->starts[i] : longest;
    memset(c->cells, 0, sizeof(float) * (size_t)(c->count * h));
    for (int64_t t = 0; t < longest; t++)
        for (int64_t i = 0; i < c->count;) {
            const float *before[GROUP];
            float *gates[GROUP], *out[GROUP], *cells[GROUP];
            int64_t rows = 0;
            for (; i < c->count && rows < GROUP; i++) {
                if (c->starts[i + 1] - c->starts[i] <= t) continue;
                int64_t place = back ? c->starts[i + 1] - 1 - t : c->starts[i] + t;
                out[rows] = c->memory + (2 * place + back) * h;
                before[rows] = out[rows] + (back ? 2 : -2) * h;
                gates[rows] = c->gates + place * wide;
                cells[rows++] = c->cells + i * h;
            }
            if (t) dense_rows(&m->recurrent[back], before, (const float *const *)gates, rows, gates);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t k = 0; k < h; k += W) {
                    vec in = sigmoid_of(load(gates[r] + k)), keep = sigmoid_of(load(gates[r] + h + k));
                    vec show = sigmoid_of(load(gates[r] + 2 * h + k));
                    vec cell = fma_of(in, tanh_of(load(gates[r] + 3 * h + k)), keep * load(cells[r] + k));
                    store(cells[r] + k, cell);
                    store(out[r] + k, tanh_of(cell) * show);
                }
        }
}

void moyou_read(const reader *m, conditions *c) {
    int64_t h = m->hidden;
    one_way(m, c, 0);
    one_way(m, c, 1);
    dense_multiply(&m->key, c->memory, c->starts[c->count], c->keys);
    if (m->means) {
        dense_multiply(&m->meant, c->meaning, c->count, c->within);
        for (int64_t i = 0; i < c->count * m->meant.outputs; i += W)
            store(c->within + i, tanh_of(load(c->within + i)));
        dense_multiply(&m->heard, c->within, c->count, c->added);
    }
    for (int64_t i = 0; i < c->count; i++) {
        const float *ahead = c->memory + 2 * (c->starts[i + 1] - 1) * h;
        const float *back = c->memory + (2 * c->starts[i] + 1) * h;
        for (int64_t k = 0; k < h; k += W) {
            store(c->summary + 2 * i * h + k, load(ahead + k));
            store(c->summary + (2 * i + 1) * h + k, load(back + k));
        }
        if (m->means)
            for (int64_t k = 0; k < 2 * h; k += W) {
                float *own = c->summary + 2 * i * h + k;
                store(own, load(own) + load(c->added + i * m->heard.outputs + k));
            }
    }
}
