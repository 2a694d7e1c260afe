/* SPDX-License-Identifier: Apache-2.0 */
#include "http/byte_class.h"
#include "http/http1_parse.h"

#define MAX_LINE 4096
#define MAX_DIGITS 16

enum state {
    STATE_SIZE,      /* hex digits, at least one */
    STATE_EXTENSION, /* after ';', dropped */
    STATE_SIZE_LF,   /* the LF of the size line */
    STATE_DATA,      /* `left` bytes of data */
    STATE_DATA_CR,   /* CR LF after the data */
    STATE_DATA_LF,
    STATE_DONE,
};

static bool read_size(struct chunked *chunked, char byte)
{
    int digit = byte_hex(byte);
    if (digit >= 0) {
        chunked->left = chunked->left << 4 | (uint64_t)digit;
        return ++chunked->digits <= MAX_DIGITS;
    }
    chunked->state = byte == ';' ? STATE_EXTENSION : STATE_SIZE_LF;
    return chunked->digits > 0 && (byte == ';' || byte == '\r');
}

/* HTAB, visible bytes, SP and obs-text; the grammar inside does not matter as it is dropped. */
static bool read_extension(struct chunked *chunked, char byte)
{
    if (byte == '\r') {
        chunked->state = STATE_SIZE_LF;
        return true;
    }
    return byte == '\t' || ((uint8_t)byte >= 0x20 && byte != 0x7f);
}

static bool read_size_lf(struct chunked *chunked, char byte)
{
    chunked->state = chunked->left > 0 ? STATE_DATA : STATE_DONE;
    chunked->line_len = 0;
    chunked->digits = 0;
    return byte == '\n';
}

/* One byte of framing; false when it may not stand there. */
static bool read_framing(struct chunked *chunked, char byte)
{
    switch ((enum state)chunked->state) {
    case STATE_SIZE: return ++chunked->line_len <= MAX_LINE && read_size(chunked, byte);
    case STATE_EXTENSION: return ++chunked->line_len <= MAX_LINE && read_extension(chunked, byte);
    case STATE_SIZE_LF: return read_size_lf(chunked, byte);
    case STATE_DATA_CR: chunked->state = STATE_DATA_LF; return byte == '\r';
    case STATE_DATA_LF: chunked->state = STATE_SIZE; return byte == '\n';
    case STATE_DATA:
    case STATE_DONE: break;
    }
    return false;
}

enum parse http1_chunked(struct chunked *state, struct str bytes, size_t *used, struct str *data)
{
    size_t at = 0;
    *data = STR_NONE;
    while (at < bytes.len && state->state != STATE_DATA && state->state != STATE_DONE) {
        if (!read_framing(state, bytes.ptr[at++])) {
            *used = at;
            return PARSE_BAD;
        }
    }
    if (state->state == STATE_DATA && at < bytes.len) {
        size_t room = bytes.len - at;
        size_t len = state->left < room ? (size_t)state->left : room;
        *data = (struct str){bytes.ptr + at, len};
        at += len;
        state->left -= len;
        if (state->left == 0)
            state->state = STATE_DATA_CR;
    }
    *used = at;
    return state->state == STATE_DONE ? PARSE_DONE : PARSE_MORE;
}
