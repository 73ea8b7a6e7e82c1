/* One step of a decoder for many rows: state in, tokens out, in one call without Python's lock.

   Knows: the model's sizes and packed weights, attention over a row's own condition, the copy gate, what may
   not come, how a token is drawn, when a row is over. Does not know: plans, pulls, requests, memory: all of
   that is Python's (`engine/native_batch.py`; `engine/native_weights.py` mirrors the structures below).

   A row's numbers depend neither on the rows beside it nor on the machine (`lanes.h`, `products.h`). */

#include <string.h>

#include "products.h"

enum { BLOCK = 256 }; /* tokens that share a sum */

typedef struct {
    product words, after, context, output; /* (4H, E), (4H + 2E, H), (E, C), (V, E), and padding */
    dense first, extra, above;             /* (2H, S), (4H, S), (E, Z): what a row begins with */
    const int8_t *table;                   /* (V, E) the embeddings in whole numbers, */
    const float *worth;                    /* (V,) what one of them is worth */
    const float *gate;                     /* (E,) the copy gate's, where `copies` */
    const int32_t *forbidden;              /* tokens that no text holds */
    int64_t forbids, hidden, embedding, memory, end, line;
    float gate_bias;
    int32_t copies;
} model;

typedef struct {
    float *cell, *rest;         /* (H,), (4H,): changed by a step */
    const float *extra, *above; /* (4H,), (E,) */
    const float *keys, *values; /* (X, E), (X, C) */
    float *attended;            /* (X,): attention is added to it */
    const int32_t *distinct;    /* (K,) tokens of the condition that may be copied */
    const int32_t *place;       /* (X,): which of `distinct` stands there, -1: none */
    const double *uniform;      /* (most,): fixes what is drawn */
    int32_t *tokens;            /* (most,): what was written */
    const int32_t *raised;      /* (R,): tokens whose logits are raised, */
    const float *nats;          /* (R,): and by how much */
    const uint8_t *allowed;     /* (outputs,): what may come, or nothing: all may */
    double log_p;               /* of what it wrote, in nats */
    double nats_in_all;         /* and of an <end> that was asked for beyond the limit */
    int64_t places, kinds, raises, most, count, no_repeat;
    int64_t partner;            /* the row whose tokens it repeats; -1: it draws */
    int64_t forced;             /* the token that must come; -1: any */
    int64_t last;               /* the token it wrote last */
    int32_t planned, judged, over, finished;
    float coldness, nucleus;    /* 1 / temperature; the share of the mass */
} row;

typedef struct { /* room to work in */
    float *gates, *after, *features, *logits; /* (GROUP, outputs) of each product */
    float *paid;                              /* (GROUP, places) */
    float *weights, *blocks, *found, *mass;   /* (outputs,), (outputs / BLOCK + 1,), (C,), (places,) */
    float *saved;                             /* (most raises,) */
    int8_t *wholes;                           /* (GROUP, the widest of E, C and H) */
    int64_t places, wide;                     /* the longest condition, a multiple of 16 */
} room;

/* gates: what the last token gives them; in, forget, out, update. */
static void gated(const model *m, row *r, const float *gates, int8_t *hidden) {
    int64_t h = m->hidden;
    v16 w = all(m->worth[r->last]);
    float shown[16];
    for (int64_t i = 0; i < h; i += 16) {
        v16 in = sigmoid16(fma16(load(gates + i), w, load(r->rest + i)));
        v16 keep = sigmoid16(fma16(load(gates + h + i), w, load(r->rest + h + i)));
        v16 show = sigmoid16(fma16(load(gates + 2 * h + i), w, load(r->rest + 2 * h + i)));
        v16 update = tanh16(fma16(load(gates + 3 * h + i), w, load(r->rest + 3 * h + i)));
        v16 cell = fma16(in, update, keep * load(r->cell + i));
        store(r->cell + i, cell);
        store(shown, tanh16(cell) * show);
        whole(hidden + i, shown, 16);
    }
}

/* Dot-product attention (Luong et al. 2015): what is found, in whole numbers, and the weight of each place. */
static void attend(const model *m, row *r, room *s, const float *query, float *paid, int8_t *context) {
    int64_t e = m->embedding, c = m->memory;
    float most = -3e38f;
    for (int64_t x = 0; x < r->places; x++) {
        const float *key = r->keys + x * e;
        v16 a = all(0.0f), b = all(0.0f);
        for (int64_t i = 0; i < e; i += 32) {
            a = fma16(load(query + i), load(key + i), a);
            b = fma16(load(query + i + 16), load(key + i + 16), b);
        }
        paid[x] = sum(a + b);
        most = paid[x] > most ? paid[x] : most;
    }
    for (int64_t x = r->places; x % 16; x++) paid[x] = -3e38f;
    v16 total = all(0.0f);
    for (int64_t x = 0; x < r->places; x += 16) {
        v16 p = exp16(load(paid + x) - all(most));
        store(paid + x, p);
        total += p;
    }
    float share = 1.0f / sum(total);
    for (int64_t x = 0; x < r->places; x++) {
        paid[x] *= share;
        r->attended[x] += paid[x];
    }
    for (int64_t i = 0; i < c; i += 64) {
        v16 f[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
        int64_t wide = c - i < 64 ? (c - i) / 16 : 4;
        for (int64_t x = 0; x < r->places; x++)
            for (int64_t b = 0; b < wide; b++)
                f[b] = fma16(all(paid[x]), load(r->values + x * c + i + 16 * b), f[b]);
        for (int64_t b = 0; b < wide; b++) store(s->found + i + 16 * b, f[b]);
    }
    whole(context, s->found, c);
}

/* The copy gate raises the scores of what may be copied; the share of the mass that is left to the vocabulary.
   scores: logits, the largest of them `most`, the sum of e^(score - most) `total`. */
static float copied(const model *m, const row *r, room *s, const float *features, const float *paid,
                    float *scores, float most, float total) {
    v16 dot = all(0.0f);
    for (int64_t i = 0; i < m->embedding; i += 16) dot = fma16(load(features + i), load(m->gate + i), dot);
    float found[16], given = 0.0f;
    store(found, sigmoid16(all(sum(dot) + m->gate_bias)));
    float open = found[0];
    memset(s->mass, 0, sizeof(float) * (size_t)(r->kinds + 15));
    for (int64_t x = 0; x < r->places; x++) {
        if (r->place[x] < 0) continue;
        float part = open * paid[x];
        s->mass[r->place[x]] += part;
        given += part;
    }
    float kept = 1.0f - (given < 1.0f - 1e-6f ? given : 1.0f - 1e-6f);
    v16 rate = all(total / kept);
    for (int64_t k = 0; k < r->kinds; k += 16) {
        int64_t few = r->kinds - k < 16 ? r->kinds - k : 16;
        for (int64_t j = 0; j < 16; j++) found[j] = j < few ? scores[r->distinct[k + j]] : most;
        v16 p = fma16(load(s->mass + k), rate, exp16(load(found) - all(most)));
        store(found, log16(larger(p, all(1e-30f))) + all(most));
        for (int64_t j = 0; j < few; j++) scores[r->distinct[k + j]] = found[j];
    }
    return kept;
}

/* Takes what may not come out of the scores, and raises what is to be raised. */
static void told(const model *m, const row *r, room *s, float *scores) {
    const float never = -__builtin_inff();
    for (int64_t i = 0; i < r->raises; i++) {
        s->saved[i] = scores[r->raised[i]];
        scores[r->raised[i]] += r->nats[i];
    }
    for (int64_t i = 0; i < m->forbids; i++) scores[m->forbidden[i]] = never;
    if (r->allowed)
        for (int64_t v = 0; v < m->output.outputs; v++) scores[v] = r->allowed[v] ? scores[v] : never;
    if (r->planned) return;
    if (r->count == 0) {
        scores[m->end] = scores[m->line] = never;
        return;
    }
    int64_t size = r->no_repeat; /* no passage of so many tokens twice */
    if (size < 1 || r->count < size) return;
    const int32_t *tail = r->tokens + r->count - size + 1;
    for (int64_t i = 0; i + size <= r->count; i++)
        if (!memcmp(r->tokens + i, tail, sizeof(int32_t) * (size_t)(size - 1)))
            scores[r->tokens[i + size - 1]] = never;
}

/* Weights of all tokens and their sums by blocks; scores -inf: what may not come. */
static void weigh(const model *m, const row *r, room *s, const float *scores, float most) {
    int64_t outputs = m->output.outputs;
    v16 cold = all(r->coldness);
    for (int again = 0; again < 2; again++) {
        float mass = 0.0f;
        if (again) { /* all that may come lies far below the likeliest of all */
            v16 best = all(-3e38f);
            for (int64_t v = 0; v < outputs; v += 16) best = larger(best, load(scores + v));
            most = largest(best);
        }
        v16 shift = all(-most * r->coldness);
        for (int64_t from = 0, b = 0; from < outputs; from += BLOCK, b++) {
            int64_t to = from + BLOCK < outputs ? from + BLOCK : outputs;
            v16 f = all(0.0f), g = all(0.0f);
            for (int64_t v = from; v < to; v += 32) {
                v16 w = exp16(fma16(load(scores + v), cold, shift));
                v16 u = exp16(fma16(load(scores + v + 16), cold, shift));
                store(s->weights + v, w);
                store(s->weights + v + 16, u);
                f += w;
                g += u;
            }
            s->blocks[b] = sum(f + g);
            mass += s->blocks[b];
        }
        if (mass > 1e-15f) return;
    }
}

/* A token by the whole distribution; -1: nothing has mass. */
static int64_t any_token(const room *s, int64_t outputs, double uniform) {
    int64_t many = (outputs + BLOCK - 1) / BLOCK, block = 0, token = -1;
    double total = 0.0, upto = 0.0;
    for (int64_t b = 0; b < many; b++) total += s->blocks[b];
    double wanted = uniform * total;
    while (block < many - 1 && upto + s->blocks[block] <= wanted) upto += s->blocks[block++];
    while (block > 0 && s->blocks[block] <= 0.0f) block--; /* rounding asked for more than there is */
    int64_t to = (block + 1) * BLOCK < outputs ? (block + 1) * BLOCK : outputs;
    for (int64_t v = block * BLOCK; v < to; v++) {
        if (s->weights[v] <= 0.0f) continue;
        token = v;
        upto += s->weights[v];
        if (upto > wanted) break;
    }
    return token;
}

/* From the nucleus (Holtzman et al. 2020) without a sort: a token belongs to it when what is heavier holds
   less than its share; in place of one that does not, another is drawn among what is heavier
   (`engine/nucleus.py`). */
static int64_t drawn(const model *m, room *s, float nucleus, double uniform) {
    int64_t outputs = m->output.outputs, many = (outputs + BLOCK - 1) / BLOCK, token = -1;
    double total = 0.0, share;
    for (int64_t b = 0; b < many; b++) total += s->blocks[b];
    share = nucleus * total;
    for (int times = 0; times < 60; times++) {
        token = any_token(s, outputs, uniform);
        if (token < 0) return m->end;
        float own = s->weights[token];
        if (own + share > total) break; /* all the rest is not enough to leave it out */
        double heavier = 0.0;
        for (int64_t b = 0; b < many; b++) {
            int64_t from = b * BLOCK, to = from + BLOCK < outputs ? from + BLOCK : outputs;
            v16 f = all(0.0f), g = all(0.0f);
            for (int64_t v = from; v < to; v += 32) {
                v16 w = load(s->weights + v), u = load(s->weights + v + 16);
                f += (v16)((i16)w & (w > all(own)));
                g += (v16)((i16)u & (u > all(own)));
            }
            s->blocks[b] = sum(f + g);
            heavier += s->blocks[b];
        }
        if (heavier < share) break;
        for (int64_t v = 0; v < outputs; v += 16) {
            v16 w = load(s->weights + v);
            store(s->weights + v, (v16)((i16)w & (w > all(own))));
        }
        uniform = uniform * 104729.0 + 0.6180339887498949;
        uniform -= (double)(int64_t)uniform;
    }
    return token;
}

/* The next token of a row and its log p by the model itself. */
static void write(const model *m, row *rows, row *r, room *s, const float *features, const float *paid,
                  float *scores, float most) {
    int64_t outputs = m->output.outputs, token;
    v16 a = all(0.0f), b = all(0.0f);
    for (int64_t v = 0; v < outputs; v += 32) {
        a += exp16(load(scores + v) - all(most));
        b += exp16(load(scores + v + 16) - all(most));
    }
    float total = sum(a + b), kept = 1.0f, score = 0.0f;
    if (m->copies) kept = copied(m, r, s, features, paid, scores, most, total);
    int closing = r->count >= r->most, raised = 0;
    if (r->partner >= 0) {
        token = rows[r->partner].last;
    } else if (closing || r->forced >= 0) {
        token = closing ? m->end : r->forced;
    } else {
        told(m, r, s, scores);
        weigh(m, r, s, scores, most);
        token = drawn(m, s, r->nucleus, r->uniform[r->count]);
        for (int64_t i = r->raises - 1; i >= 0; i--)
            if (r->raised[i] == token) score = s->saved[i], raised = 1;
    }
    if (!raised) score = scores[token];
    float log_p = score - most - log1(total) + log1(kept);
    log_p = log_p > -87.5f ? log_p : -87.5f;
    r->last = token;
    r->nats_in_all += log_p;
    if (r->partner >= 0) {
        r->over = rows[r->partner].over;
    } else if (closing) {
        r->over = 1;
    } else {
        r->log_p += log_p;
        if (token == m->end) {
            r->finished = r->over = 1;
        } else {
            r->tokens[r->count++] = (int32_t)token;
            r->over = r->count >= r->most && !r->judged;
        }
    }
}

/* One more token in each of `count` rows, in `order`: those that draw before those that follow them.
   Returns how many are over. */
int64_t moyou_step(const model *m, row *rows, const int64_t *order, int64_t count, room *s) {
    int64_t h = m->hidden, e = m->embedding, outputs = m->output.outputs, over = 0;
    for (int64_t first = 0; first < count; first += GROUP) {
        int64_t here = count - first < GROUP ? count - first : GROUP;
        const int8_t *x[GROUP];
        float *out[GROUP];
        v16 most[GROUP];
        row *own[GROUP];
        for (int64_t i = 0; i < here; i++) {
            own[i] = rows + order[first + i];
            x[i] = m->table + own[i]->last * e;
            out[i] = s->gates + i * m->words.outputs;
        }
        multiply(&m->words, x, here, out, 0);
        for (int64_t i = 0; i < here; i++) {
            gated(m, own[i], out[i], s->wholes + i * s->wide);
            x[i] = s->wholes + i * s->wide;
            out[i] = s->after + i * m->after.outputs;
        }
        multiply(&m->after, x, here, out, 0);
        for (int64_t i = 0; i < here; i++) {
            const float *after = out[i];
            for (int64_t k = 0; k < 4 * h; k += 16)
                store(own[i]->rest + k, load(after + k) + load(own[i]->extra + k));
            attend(m, own[i], s, after + 4 * h, s->paid + i * s->places, s->wholes + i * s->wide);
            out[i] = s->features + i * m->context.outputs;
        }
        multiply(&m->context, x, here, out, 0);
        for (int64_t i = 0; i < here; i++) {
            const float *after = s->after + i * m->after.outputs + 4 * h + e;
            for (int64_t k = 0; k < e; k += 16)
                store(out[i] + k, tanh16(load(out[i] + k) + load(after + k) + load(own[i]->above + k)));
            whole(s->wholes + i * s->wide, out[i], e);
            out[i] = s->logits + i * outputs;
            most[i] = all(-3e38f);
        }
        multiply(&m->output, x, here, out, most);
        for (int64_t i = 0; i < here; i++) {
            const float *features = s->features + i * m->context.outputs, *paid = s->paid + i * s->places;
            write(m, rows, own[i], s, features, paid, out[i], largest(most[i]));
            over += own[i]->over != 0;
        }
    }
    return over;
}

/* x (count, depth) whole numbers → out (count, outputs), rows side by side. */
void moyou_multiply(const product *p, const int8_t *x, int64_t count, float *out) {
    for (int64_t first = 0; first < count; first += GROUP) {
        const int8_t *from[GROUP];
        float *to[GROUP];
        int64_t rows = count - first < GROUP ? count - first : GROUP;
        for (int64_t r = 0; r < rows; r++) {
            from[r] = x + (first + r) * p->depth;
            to[r] = out + (first + r) * p->outputs;
        }
        multiply(p, from, rows, to, 0);
    }
}

/* What `count` rows begin with. known (count, S): summary and latent; z (count, Z); hidden (count, 2H) and
   wholes (count, H) to work in → cell (count, H), rest (count, outputs of after), extra (count, 4H outputs),
   above (count, E outputs). */
void moyou_begin(const model *m, int64_t count, const float *known, const float *z, float *hidden,
                 int8_t *wholes, float *cell, float *rest, float *extra, float *above) {
    int64_t h = m->hidden, wide = m->first.outputs;
    dense_multiply(&m->extra, known, count, extra);
    dense_multiply(&m->above, z, count, above);
    dense_multiply(&m->first, known, count, hidden);
    for (int64_t r = 0; r < count; r++) {
        float *own = hidden + r * wide;
        for (int64_t i = 0; i < h; i += 16) {
            store(own + i, tanh16(load(own + i)));
            store(cell + r * h + i, load(own + h + i));
        }
        whole(wholes + r * h, own, h);
    }
    moyou_multiply(&m->after, wholes, count, rest);
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < 4 * h; i += 16) {
            float *own = rest + r * m->after.outputs + i;
            store(own, load(own) + load(extra + r * m->extra.outputs + i));
        }
}

/* The functions alone, for tests: x (count,), a multiple of 16 → e^x, ln x, σ(x), tanh x, each (count,). */
void moyou_functions(const float *x, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i += 16) {
        store(out + i, exp16(load(x + i)));
        store(out + count + i, log16(load(x + i)));
        store(out + 2 * count + i, sigmoid16(load(x + i)));
        store(out + 3 * count + i, tanh16(load(x + i)));
    }
}
