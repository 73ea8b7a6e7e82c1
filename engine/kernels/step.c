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
    float *weights, *blocks, *mass;           /* (outputs,), (outputs / BLOCK + 1,), (places + 16,) */
    float *saved;                             /* (most raises,) */
    int8_t *wholes;                           /* (GROUP, the widest of E, C and H) */
    int64_t places, wide;                     /* the longest condition, a multiple of 16 */
} room;

/* gates: what the last token gives them; in, forget, out, update. */
static void gated(const model *m, row *r, const float *gates, int8_t *hidden) {
    int64_t h = m->hidden;
    vec w = all(m->worth[r->last]);
    for (int64_t i = 0; i < h; i += W) {
        vec in = sigmoid_of(fma_of(load(gates + i), w, load(r->rest + i)));
        vec keep = sigmoid_of(fma_of(load(gates + h + i), w, load(r->rest + h + i)));
        vec show = sigmoid_of(fma_of(load(gates + 2 * h + i), w, load(r->rest + 2 * h + i)));
        vec update = tanh_of(fma_of(load(gates + 3 * h + i), w, load(r->rest + 3 * h + i)));
        vec cell = fma_of(in, update, keep * load(r->cell + i));
        store(r->cell + i, cell);
        whole_of(hidden + i, tanh_of(cell) * show);
    }
}

/* Dot-product attention (Luong et al. 2015): what is found, in whole numbers, and the weight of each place. */
static void attend(const model *m, row *r, const float *query, float *paid, int8_t *context) {
    int64_t e = m->embedding, c = m->memory;
    float most = -3e38f;
    for (int64_t x = 0; x < r->places; x++) {
        const float *key = r->keys + x * e;
        lanes a = none(), b = none();
        for (int64_t i = 0; i < e; i += 32)
            EACH(p) {
                a.p[p] = fma_of(load(query + i + p * W), load(key + i + p * W), a.p[p]);
                b.p[p] = fma_of(load(query + i + 16 + p * W), load(key + i + 16 + p * W), b.p[p]);
            }
        paid[x] = sum(a, b);
        most = paid[x] > most ? paid[x] : most;
    }
    for (int64_t x = r->places; x % 16; x++) paid[x] = -3e38f;
    lanes total = none();
    for (int64_t x = 0; x < r->places; x += 16)
        EACH(p) {
            vec y = exp_of(load(paid + x + p * W) - all(most));
            store(paid + x + p * W, y);
            total.p[p] += y;
        }
    float share = 1.0f / sum(total, none());
    for (int64_t x = 0; x < r->places; x++) {
        paid[x] *= share;
        r->attended[x] += paid[x];
    }
    for (int64_t i = 0; i < c; i += 4 * W) {
        vec f[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
        int64_t side = c - i < 4 * W ? (c - i) / W : 4;
        for (int64_t x = 0; x < r->places; x++)
            for (int64_t b = 0; b < side; b++)
                f[b] = fma_of(all(paid[x]), load(r->values + x * c + i + b * W), f[b]);
        for (int64_t b = 0; b < side; b++) whole_of(context + i + b * W, f[b]);
    }
}

/* The copy gate raises the scores of what may be copied; the share of the mass that is left to the vocabulary.
   scores: logits, the largest of them `most`, the sum of e^(score - most) `total`. */
static float copied(const model *m, const row *r, room *s, const float *features, const float *paid,
                    float *scores, float most, float total) {
    lanes a = none(), b = none();
    for (int64_t i = 0; i < m->embedding; i += 32)
        EACH(p) {
            a.p[p] = fma_of(load(features + i + p * W), load(m->gate + i + p * W), a.p[p]);
            b.p[p] = fma_of(load(features + i + 16 + p * W), load(m->gate + i + 16 + p * W), b.p[p]);
        }
    float found[W], open = sigmoid_of(all(sum(a, b) + m->gate_bias))[0], given = 0.0f;
    memset(s->mass, 0, sizeof(float) * (size_t)(r->kinds + W - 1));
    for (int64_t x = 0; x < r->places; x++) {
        if (r->place[x] < 0) continue;
        float part = open * paid[x];
        s->mass[r->place[x]] += part;
        given += part;
    }
    float kept = 1.0f - (given < 1.0f - 1e-6f ? given : 1.0f - 1e-6f);
    vec rate = all(total / kept);
    for (int64_t k = 0; k < r->kinds; k += W) {
        int64_t few = r->kinds - k < W ? r->kinds - k : W;
        for (int64_t j = 0; j < W; j++) found[j] = j < few ? scores[r->distinct[k + j]] : most;
        vec p = fma_of(load(s->mass + k), rate, exp_of(load(found) - all(most)));
        store(found, log_of(larger(p, all(1e-30f))) + all(most));
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

/* Weights of all tokens and their sums by blocks, the largest 1; scores -inf: what may not come. */
static void weigh(const model *m, const row *r, room *s, const float *scores) {
    int64_t outputs = m->output.outputs;
    vec cold = all(r->coldness), best = all(-3e38f);
    for (int64_t v = 0; v < outputs; v += W) best = larger(load(scores + v), best);
    vec most = all(largest(best));
    for (int64_t from = 0, block = 0; from < outputs; from += BLOCK, block++) {
        int64_t to = from + BLOCK < outputs ? from + BLOCK : outputs;
        lanes a = none(), b = none();
        for (int64_t v = from; v < to; v += 32)
            EACH(p) {
                vec x = exp_of((load(scores + v + p * W) - most) * cold);
                vec y = exp_of((load(scores + v + 16 + p * W) - most) * cold);
                store(s->weights + v + p * W, x);
                store(s->weights + v + 16 + p * W, y);
                a.p[p] += x;
                b.p[p] += y;
            }
        s->blocks[block] = sum(a, b);
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

INLINE vec above_only(vec x, float least) { /* 0 for what is not above it */
    return (vec)((ivec)x & (x > all(least)));
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
            lanes f = none(), g = none();
            for (int64_t v = from; v < to; v += 32)
                EACH(p) {
                    f.p[p] += above_only(load(s->weights + v + p * W), own);
                    g.p[p] += above_only(load(s->weights + v + 16 + p * W), own);
                }
            s->blocks[b] = sum(f, g);
            heavier += s->blocks[b];
        }
        if (heavier < share) break;
        for (int64_t v = 0; v < outputs; v += W)
            store(s->weights + v, above_only(load(s->weights + v), own));
        uniform = uniform * 104729.0 + 0.6180339887498949;
        uniform -= (double)(int64_t)uniform;
    }
    return token;
}

/* The next token of a row and its log p by the model itself. */
static void write(const model *m, row *rows, row *r, room *s, const float *features, const float *paid,
                  float *scores, float most) {
    int64_t outputs = m->output.outputs, token;
    lanes a = none(), b = none();
    for (int64_t v = 0; v < outputs; v += 32)
        EACH(p) {
            a.p[p] += exp_of(load(scores + v + p * W) - all(most));
            b.p[p] += exp_of(load(scores + v + 16 + p * W) - all(most));
        }
    float total = sum(a, b), kept = 1.0f, score = 0.0f;
    if (m->copies) kept = copied(m, r, s, features, paid, scores, most, total);
    int closing = r->count >= r->most, raised = 0;
    if (r->partner >= 0) {
        token = rows[r->partner].last;
    } else if (closing || r->forced >= 0) {
        token = closing ? m->end : r->forced;
    } else {
        told(m, r, s, scores);
        weigh(m, r, s, scores);
        token = drawn(m, s, r->nucleus, r->uniform[r->count]);
        for (int64_t i = r->raises - 1; i >= 0; i--)
            if (r->raised[i] == token) score = s->saved[i], raised = 1;
    }
    if (!raised) score = scores[token];
    float log_p = score - most - log_of(all(total))[0] + log_of(all(kept))[0];
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
        vec most[GROUP];
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
            for (int64_t k = 0; k < 4 * h; k += W)
                store(own[i]->rest + k, load(after + k) + load(own[i]->extra + k));
            attend(m, own[i], after + 4 * h, s->paid + i * s->places, s->wholes + i * s->wide);
            out[i] = s->features + i * m->context.outputs;
        }
        multiply(&m->context, x, here, out, 0);
        for (int64_t i = 0; i < here; i++) {
            const float *after = s->after + i * m->after.outputs + 4 * h + e;
            for (int64_t k = 0; k < e; k += W) {
                vec feature = tanh_of(load(out[i] + k) + load(after + k) + load(own[i]->above + k));
                store(out[i] + k, feature);
                whole_of(s->wholes + i * s->wide + k, feature);
            }
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
        for (int64_t i = 0; i < h; i += W) {
            whole_of(wholes + r * h + i, tanh_of(load(own + i)));
            store(cell + r * h + i, load(own + h + i));
        }
    }
    moyou_multiply(&m->after, wholes, count, rest);
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < 4 * h; i += W) {
            float *own = rest + r * m->after.outputs + i;
            store(own, load(own) + load(extra + r * m->extra.outputs + i));
        }
}

/* The functions alone, for tests: x (count,), a multiple of 16 → e^x, ln x, σ(x), tanh x, each (count,). */
void moyou_functions(const float *x, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i += W) {
        store(out + i, exp_of(load(x + i)));
        store(out + count + i, log_of(load(x + i)));
        store(out + 2 * count + i, sigmoid_of(load(x + i)));
        store(out + 3 * count + i, tanh_of(load(x + i)));
    }
}
