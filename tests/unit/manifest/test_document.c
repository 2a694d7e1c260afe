/* SPDX-License-Identifier: Apache-2.0 */
#include "read_text.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A text and what comes of it. */
struct reading_case {
    const char *text, *shown;
};

static void check_shown(const struct reading_case *cases, size_t count, bool has_places)
{
    for (size_t i = 0; i < count; i++) {
        struct read_text read;
        read_text_init(&read, str_from_c(cases[i].text));
        const char *shown = read_text_show(&read, has_places);
        if (strcmp(shown, cases[i].shown) != 0)
            fail_msg("case %zu: %s\n%s", i, shown, read_text_problems(&read));
        read_text_deinit(&read);
    }
}

static void check_problems(const struct reading_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct read_text read;
        read_text_init(&read, str_from_c(cases[i].text));
        const char *problems = read_text_problems(&read);
        if (strcmp(problems, cases[i].shown) != 0)
            fail_msg("case %zu: %s\n%s", i, problems, read_text_show(&read, false));
        read_text_deinit(&read);
    }
}

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

static void test_plain_scalars_are_resolved_as_kubernetes_does(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"[~, null, Null, NULL, nULL]", "[null null null null s\"nULL\"]"},
        {"[true, True, TRUE, tRUE, yes, Yes, on, ON, y, Y]",
         "[true true true s\"tRUE\" true true true true true true]"},
        {"[false, no, NO, off, Off, n, nO]", "[false false false false false false s\"nO\"]"},
        {"[0, 12, -12, +12, 1_000, -0, 007, 010, 0o17]", "[i0 i12 i-12 i12 i1000 i0 i7 i8 i15]"},
        {"[0x1F, -0x1f, 0XFF, 0b101, -0b11, 0x, 0b2]", "[i31 i-31 i255 i5 i-3 s\"0x\" s\"0b2\"]"},
        {"[9223372036854775807, -9223372036854775808]", "[i9223372036854775807 i-9223372036854775808]"},
        {"[9223372036854775808, 99999999999999999999]", "[f9.22337e+18 f1e+20]"},
        {"[08, 0x10000000000000000, -9223372036854775809]", "[f8 s\"0x10000000000000000\" f-9.22337e+18]"},
        {"[.5, -.5, 1., 1e3, 1E-3, -1.5e+3, 1_0.5, 1e]", "[f0.5 f-0.5 f1 f1000 f0.001 f-1500 f10.5 s\"1e\"]"},
        {"[.inf, -.Inf, +.INF, .nan, .NaN, .iNF, -.nan]", "[finf f-inf finf fnan fnan s\".iNF\" s\"-.nan\"]"},
        {"[1.2.3, 1:30, 2001-01-01, ., +, .e1, 1e400]",
         "[s\"1.2.3\" s\"1:30\" s\"2001-01-01\" s\".\" s\"+\" s\".e1\" s\"1e400\"]"},
        {"2001-12-14T21:59:43.10-05:00", "s\"2001-12-14T21:59:43.10-05:00\""},
        {"[10.0.0.0/8, 1Mi, 15s, 50%, _1, 0.1.]", "[s\"10.0.0.0/8\" s\"1Mi\" s\"15s\" s\"50%\" s\"_1\" s\"0.1.\"]"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_quoted_and_tagged_scalars_are_what_they_say(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"['true', \"12\", '', \"~\", 'a''b', '''''''']", "[s\"true\" s\"12\" s\"\" s\"~\" s\"a'b\" s\"'''\"]"},
        {"a: |\n  12\nb: >\n  true\n", "{a=s\"12\\n\" b=s\"true\\n\"}"},
        {"[!!str 12, ! 12, !!int '12', !!float 3, !!bool 'yes', !!null '']", "[s\"12\" s\"12\" i12 f3 true null]"},
        {"a: !!map {}\nb: !!seq []\nc: !!str\n", "{a={} b=[] c=s\"\"}"},
        {"[!!int x, 1]", "broken"},
        {"[!!binary aGk=]", "broken"},
        {"[!mine x]", "broken"},
        {"a: !!map []", "broken"},
        {"a: !!str {}", "broken"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_text_of_scalars_is_folded_and_unescaped(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"a: x\n  y\n\n  z # c\n", "{a=s\"x y\\nz\"}"},
        {"a: 'x  \n  y\n\n\n  z '\n", "{a=s\"x y\\n\\nz \"}"},
        {"a: \"x  \n\n  y\\\n    z\\  \n  w\"\n", "{a=s\"x\\nyz  w\"}"},
        {"a: \"d+\\\\\\\n  .\\\\\"\n", "{a=s\"d+\\\\.\\\\\"}"},
        {"\"\\x41\\u00e9\\U0001F600\\ud83d\\ude00\\t\\e\\/\\_\"",
         "s\"A\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98\x80\\t\\u001b/\xc2\xa0\""},
        {"\"\\L\\L\\P\\N\"", "s\"\xe2\x80\xa8\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\""},
        {"a: |\n  x\n   y\n\n  z\n\n\nb: 1", "{a=s\"x\\n y\\n\\nz\\n\" b=i1}"},
        {"a: |-\n  x\n\n\nb: |+\n\n  x\n\n\nc: |\n", "{a=s\"x\" b=s\"\\nx\\n\\n\\n\" c=s\"\"}"},
        {"a: >\n  x\n  y\n\n  z\n   w\n  v\n", "{a=s\"x y\\nz\\n w\\nv\\n\"}"},
        {"a: |2-  # c\n    x\n   y\n", "{a=s\"  x\\n y\"}"},
        {"a:\n  b: |1\n    x\n  c:\n  - >1-\n     y\n", "{a={b=s\" x\\n\" c=[s\"  y\"]}}"},
        {"- |\n x\n# c\n- |\n   # no\n  # c\n", "[s\"x\\n\" s\"# no\\n\"]"},
        {"a: |\n  x", "{a=s\"x\"}"},
        {"--- |\n  root\n...\n", "s\"root\\n\""},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_keys_become_text(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"{1: a, 0x10: b, true: c, off: d, 1.5: e, 'x y': f}",
         "{1=s\"a\" 16=s\"b\" true=s\"c\" false=s\"d\" 1.5=s\"e\" x y=s\"f\"}"},
        {"? a\n: 1\n? b\n", "{a=i1 b=null}"},
        {"&k a: 1\nb: *k\n", "{a=i1 b=s\"a\"}"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_aliases_are_copies_and_merges_fill_in(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"a: &x {k: [1, 2]}\nb: *x\n", "{a={k=[i1 i2]} b={k=[i1 i2]}}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{a=i1 b=i2 c=i2}"},
        {"a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n  r: 4\n", "{a={p=i1 q=i2} b={q=i3 r=i4 p=i1}}"},
        {"a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}\n", "{a={p=i1} b={p=i2 q=i2} c={p=i1 q=i2}}"},
        {"{<<: {a: 1}, '<<': 2}", "{<<=i2 a=i1}"},
        {"a: &x\nb: *x\n", "{a=null b=null}"},
        {"a: &x [1]\n---\nb: *x\n", "{a=[i1]} broken"},
        {"a: &x [*x]", "broken"},
        {"<<: 1", "broken"},
        {"<<: [{}, 1]", "broken"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_merged_maps_of_any_size_have_each_key_once(void **state)
{
    (void)state;
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "a: &a\n");
    for (int i = 0; i < 100; i++)
        strbuf_printf(&text, "  k%d: 1\n", i);
    strbuf_printf(&text, "b:\n  <<: *a\n");
    for (int i = 50; i < 150; i++)
        strbuf_printf(&text, "  k%d: 2\n", i);
    struct read_text read;
    read_text_init(&read, strbuf_str(&text));
    const struct node *b = node_find(read.documents[0].root, STR("b"));
    assert_int_equal(b->count, 150);
    assert_int_equal(node_find(b, STR("k50"))->integer, 2);
    assert_int_equal(node_find(b, STR("k49"))->integer, 1);
    assert_ptr_equal(node_find(b, STR("k49"))->parent, b);
    assert_int_equal(b->last->index, 149);
    read_text_deinit(&read);
    strbuf_deinit(&text);
}

static void test_text_is_split_into_documents(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"", ""},
        {"\n# c\n---\n# c\n\n...\n", ""},
        {"---\n---\n--- # c\n---\t\n~\n--- null\n", ""},
        {"a\n---\nb\n--- c\n", "s\"a\" s\"b\" s\"c\""},
        {"a\n...\n# c\n---\nb\n...\nc", "s\"a\" s\"b\" s\"c\""},
        {"a: ---x\n---x: 1\n", "{a=s\"---x\" ---x=i1}"},
        {"---\r\na: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n", "{a=i1} {b=s\"x\\ny\\n\"}"},
        {"a: 1\r---\rb: 2\r", "{a=i1} {b=i2}"},
        {"\xef\xbb\xbfkind: A", "{kind=s\"A\"}"},
        {"%YAML 1.1\n---\na: 1\n", "{a=i1}"},
        {"{\"a\": [1, \"x\"]}\n{\"b\": 2}{}\n", "{a=[i1 s\"x\"]} {b=i2} {}"},
        {"{\"a\": 1}\n---\n{a: b}\n---\n[1, 2,]\n", "{a=i1} {a=s\"b\"} [i1 i2]"},
        {"--- {\"a\": 1}\n# c\n", "{a=i1}"},
        {"{\"a\": 1}\n{\"a\": 1, }\n", "{a=i1} {a=i1}"},
        {"a: [\n  b\n]\nc: {\n}\n", "{a=[s\"b\"] c={}}"},
        {"a: x\n---\nb: [\n---\nc: 1\n", "{a=s\"x\"} broken {c=i1}"},
        {"%TAG !a! b\n---\na: 1\n--- 1", "broken i1"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_json_is_read_as_it_is_defined(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"{\"\": \"\", \"a\\u00e9\\ud83d\\ude00\\n\\/\": -0}", "{=s\"\" a\xc3\xa9\xf0\x9f\x98\x80\n/=i0}"},
        {" [ 1 , 2.5e1 , true , null , \"true\" , [ ] , { } ] ", "[i1 f25 true null s\"true\" [] {}]"},
        {"{\"on\": \"on\"}", "{on=s\"on\"}"},
        {"[01]", "[i1]"}, /* no JSON, but YAML */
        {"{\"a\": \"\\ud800\"}", "broken"},
        {"{\"a\": \"\\u0000\"}", "broken"},
        {"{\"a\": 1", "broken"},
    };
    check_shown(cases, COUNT(cases), false);
}

static void test_places_count_lines_of_the_file_and_characters(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"# c\n---\na: 1\nb:\n  - x\n  - {k: 'z'}\n",
         "{a@3:1=i1@3:4 b@4:1=[s\"x\"@5:5 {k@6:6=s\"z\"@6:9}@6:5]@5:3}@3:1"},
        {"\"\xc3\xa9\" : \"\xc3\xbc\"\n", "{\xc3\xa9@1:1=s\"\xc3\xbc\"@1:7}@1:1"},
        {"{\"\xc3\xa9\": \"\xc3\xbc\", \"b\": 1}\n", "{\xc3\xa9@1:2=s\"\xc3\xbc\"@1:7 b@1:12=i1@1:17}@1:1"},
        {"\r\na:\r\n  |\r\n  x\r\nb: >- # c\r\n\r\n  y", "{a@2:1=s\"x\\n\"@3:3 b@5:1=s\"\\ny\"@5:4}@2:1"},
        {"a: &x {b: 1}\nc: *x\n", "{a@1:1={b@1:8=i1@1:11}@1:7 c@2:1={b@1:8=i1@1:11}@1:7}@1:1"},
        {"{}\n\n  {\"a\": 1}\n", "{}@1:1 {a@3:4=i1@3:9}@3:3"},
    };
    check_shown(cases, COUNT(cases), true);
}

static void test_documents_know_where_they_begin(void **state)
{
    (void)state;
    struct read_text read;
    read_text_init(&read, STR("# c\na: 1\n---\n\nb: [\n--- {}\n...\n{}\n{}\n{a: [}"));
    static const uint32_t lines[] = {2, 5, 6, 8, 9, 10};
    assert_int_equal(read.count, COUNT(lines));
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(read.documents[i].line, lines[i]);
    assert_true(read.documents[1].is_broken && read.documents[5].is_broken);
    assert_false(read.documents[0].is_broken);
    read_text_deinit(&read);
}

static void test_duplicate_keys_name_both_places(void **state)
{
    (void)state;
    static const struct reading_case cases[] = {
        {"kind: A\na: 1\nb: 2\na: 3\nb: 4\n",
         "f.yaml:4:1: A: the key \"a\" stands at 2:1 already; remove one of the two\n"
         "f.yaml:5:1: A: the key \"b\" stands at 3:1 already; remove one of the two"},
        {"{\"a\": {\"b\": 1, \"b\": 2}}", "f.yaml:1:16: the key \"b\" stands at 1:8 already; remove one of the two"},
        {"on: 1\n'true': 2\n", "f.yaml:2:1: the key \"true\" stands at 1:1 already; remove one of the two"},
        {"<<: {}\n<<: {}\n", "f.yaml:2:1: the key \"<<\" stands at 1:1 already; remove one of the two"},
    };
    check_problems(cases, COUNT(cases));

    struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 100; i++)
        strbuf_printf(&text, "k%d: 1\n", i);
    strbuf_printf(&text, "k98: 1\n");
    struct read_text read;
    read_text_init(&read, strbuf_str(&text));
    assert_string_equal(read_text_problems(&read),
                        "f.yaml:101:1: the key \"k98\" stands at 99:1 already; remove one of the two");
    read_text_deinit(&read);
    strbuf_deinit(&text);
}

static void test_slips_are_told_in_plain_words_at_their_place(void **state)
{
    (void)state;
    static const char no_colon[] = "a key needs a colon with a blank behind it, like `key: value`";
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        {"a:\n\tb: 1\n", "2:1", "a tab can't indent YAML; use spaces"},
        {"x: 1\n---\na:\n  b: 1\n  \tc: 2\n", "5:3", "a tab can't indent YAML; use spaces"},
        {"x:\n  a: 1\n\xc2\xa0 c:\n  - d\n  e: 1\n", "3:1", "a no-break space (U+00A0) can't indent YAML; use spaces"},
        {"apiVersion: A\nspec: 1\napiVersion: B\nspec: 2\n", "3:1",
         "the key \"apiVersion\" stands at 1:1 already; if another resource begins here, write a line of --- before "
         "it, else "
         "remove one of the two"},
        {"a: 1\nb\nc: 1\n", "2:1", no_colon},
        {"a:\n  b:1\n  c: 2\n", "2:3", no_colon},
        {"a: 1\nb\n", "2:1", no_colon},
        {"a: b: c\n", "1:5", "a second colon in this line; quote the value if it holds one"},
        {"\n\na: \"x\nb: 1\n", "3:4", "this double quote is not closed"},
        {"a: 'x\n", "1:4", "this single quote is not closed"},
        {"a: 'it's'\n", "1:8",
         "there is text behind the closing quote; a quote inside of quotes is written \\\" or ''"},
        {"a: 1\n  b: 2\n", "2:3",
         "the key before has its value already, so nothing can be indented below it; is this line too far right?"},
        {"a:\n  b: 1\n c: 2\n", "3:2", "this line is indented like none of those that it could belong to"},
        {"a:\n  - b\n  c: 1\n", "3:3",
         "this fits neither into the list before it nor behind it; look at the indentation"},
        {"a: - b\n", "1:4", "a list begins in a line of its own"},
        {"a: [1, 2\nb: 1\n", "1:4", "this [ is not closed by a ]"},
        {"a: {b: 1\n", "1:4", "this { is not closed by a }"},
        {"a:\n- [b\nc:\n- d: 1\n", "2:3", "this [ is not closed by a ]"},
        {"\xc3\xbc: [\xc3\xbc\nc:\n- d: 1\n", "1:4", "this [ is not closed by a ]"},
        {"a: {b: c: d}\n", "1:9",
         "a , or the } that closes the { of 1:4 is missing before this; a value that holds a colon needs quotes"},
        {"a: [[1, 2.5,", "1:5", "this [ is not closed by a ]"},
        {"a: [1, 2}\n", "1:9", "this bracket does not close the one that is open"},
        {"a: [1]]\n", "1:7", "this bracket closes none"},
        {"{\"a\": 1\n \"b\": 2}\n", "2:5", "a , or the } that closes the { of 1:1 is missing before this"},
        {"a: \"\\q\"\n", "1:5",
         "this escape is not known; a backslash in double quotes is written \\\\, and single quotes have no escapes"},
        {"a: \"\\ud800\"\n", "1:5", "this holds an escape that stands for no character"},
        {"a: @x\n", "1:4", "a text that begins with this character needs quotes"},
        {"- *.example.com\n", "1:3",
         "there is no anchor &.example.com before this alias; a text that begins with * needs quotes"},
        {"a: {{ .Values.x }}\n", "1:5", "a map can't be a key; is this a template that is not rendered yet?"},
        {"? [a]\n: b\n", "1:3", "a list can't be a key"},
        {": a\n", "1:1", "there is no key before this ':'"},
        {"a: &x [*x]\n", "1:8", "the alias *x stands in what it names"},
        {"a: x\x01y\n", "1:5", "a control character (U+0001); remove it, or write it as an escape in quotes"},
        {"a: \xc2\x9b\n", "1:4", "a control character (U+009B); remove it, or write it as an escape in quotes"},
        {"a: 1\n\xef\xbb\xbf"
         "b: 1\n",
         "2:1", "a byte order mark (U+FEFF) amidst the file; remove it"},
        {"a: 1\n... b\n", "2:5", "something follows the end of the document; begin another one with a line of ---"},
        {"a: 1\n%YAML 1.2\n", "2:1", "a line can't begin with %, but for %YAML 1.2 before a line of ---"},
        {"a: \"\\0\"\n", "1:4", "a text can't hold the character U+0000"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read_text read;
        read_text_init(&read, str_from_c(cases[i].text));
        struct str wanted = arena_printf(&read.arena, "f.yaml:%s: %s", cases[i].place, cases[i].words);
        if (strcmp(read_text_problems(&read), wanted.ptr) != 0)
            fail_msg("case %zu: %s", i, read_text_problems(&read));
        read_text_deinit(&read);
    }
}

static void test_broken_document_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *text, *kind, *ns, *name;
    } cases[] = {
        {"kind: K\nmetadata:\n  name: n\n  namespace: s\nspec: [\n", "K", "s", "n"},
        {"spec: [}\nkind: \"K\"  # c\nmetadata:\n    labels:\n      name: no\n    name: 'n'\n", "K", "", "n"},
        {"spec: [}\nmetadata: {namespace: s, name: n}\n", "", "s", "n"},
        {"{\"kind\": \"K\", \"metadata\": {\"name\": \"n\"}, \"spec\": {]}", "K", "", "n"},
        {"kind: K\nmetadata: {name: n}\nspec: {a: 1, a: 2}\n", "K", "", "n"},
        {"kind: K\nspec:\n  kind: no\n  metadata:\n    name: no\n  x: [\n", "K", "", ""},
        {"a: [\n---\nkind: K\n", "", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read_text read;
        read_text_init(&read, str_from_c(cases[i].text));
        const struct document *document = &read.documents[0];
        assert_true(document->is_broken && document->root == NULL);
        if (!str_eq(document->kind, str_from_c(cases[i].kind)) || !str_eq(document->ns, str_from_c(cases[i].ns)) ||
            !str_eq(document->name, str_from_c(cases[i].name)))
            fail_msg("case %zu: %.*s %.*s %.*s", i, STR_ARG(document->kind), STR_ARG(document->ns),
                     STR_ARG(document->name));
        assert_true(str_eq(read.problems.list[0].name, document->name));
        read_text_deinit(&read);
    }
}

static void test_texts_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *problem;
    } cases[] = {
        {STR_INIT("a: 1\n\0b"), "f.yaml:2:1: a NUL byte: this is no text"},
        {STR_INIT("a: \xc3\xa9\xc3(\n"), "f.yaml:1:5: the byte 0xc3 is no UTF-8 here; save the file as UTF-8"},
        {STR_INIT("\xff\xfe"
                  "a\0"),
         "f.yaml:1:1: is UTF-16; save it as UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read_text read;
        read_text_init(&read, cases[i].text);
        assert_false(read.is_whole);
        assert_int_equal(read.count, 0);
        assert_string_equal(read_text_problems(&read), cases[i].problem);
        read_text_deinit(&read);
    }

    struct str large = {mem_alloc(DOCUMENT_MAX_BYTES + 1), DOCUMENT_MAX_BYTES + 1};
    struct read_text read;
    read_text_init(&read, large);
    assert_false(read.is_whole);
    assert_string_equal(read_text_problems(&read), "f.yaml: has 33 MiB, more than the limit of 32; split it");
    read_text_deinit(&read);
    mem_free((char *)(uintptr_t)large.ptr);
}

static void add_times(struct strbuf *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_add(text, str_from_c(piece));
}

static void test_bombs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *start, *piece;
        size_t count;
        const char *problem;
    } cases[] = {
        {"", "[", 100000, "f.yaml:1:65: nested deeper than 64 levels"},
        {"", "{\"a\":", 100000, "f.yaml:1:321: nested deeper than 64 levels"},
        {"", "- ", 100000, "f.yaml:1:129: nested deeper than 64 levels"},
        {"a: ", "[\n", 65, "f.yaml:64:1: nested deeper than 64 levels"},
        {"a: [", "b,", 204801,
         "f.yaml:1:409604: more than 204800 values in one line that is not JSON; break it into lines"},
        {"-", " ", 1000, "f.yaml:1:102: more than 100 blanks behind a - or ?"},
        {"a: &a [1,1,1,1,1,1,1,1,1,1]\nb: [", "*a,\n", 20000,
         "f.yaml:9092:1: the aliases of this document stand for more than 100000 values"},
        {"", "---\na\n", DOCUMENT_MAX_COUNT + 1,
         "f.yaml:200001:1: there are more than 100000 documents; split the file"},
        {"[0", ",0", DOCUMENT_MAX_NODES, "f.yaml:1:8000000: there are more than 4000000 values; split the file"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf text = STRBUF_INIT;
        strbuf_add(&text, str_from_c(cases[i].start));
        add_times(&text, cases[i].piece, cases[i].count);
        struct read_text read;
        read_text_init(&read, strbuf_str(&text));
        if (strcmp(read_text_problems(&read), cases[i].problem) != 0)
            fail_msg("case %zu: %s", i, read_text_problems(&read));
        assert_int_equal(read.is_whole, i < 7);
        read_text_deinit(&read);
        strbuf_deinit(&text);
    }
}

static void test_billion_laughs_stop_at_the_limit(void **state)
{
    (void)state;
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "a0: &a0 [x, x]\n");
    for (int i = 1; i < 60; i++)
        strbuf_printf(&text, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    struct read_text read;
    read_text_init(&read, strbuf_str(&text));
    assert_string_equal(read_text_problems(&read),
                        "f.yaml:15:18: the aliases of this document stand for more than 100000 values");
    read_text_deinit(&read);
    strbuf_deinit(&text);
}

static void test_copies_are_no_way_around_the_depth(void **state)
{
    (void)state;
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "a: &a ");
    add_times(&text, "[", 40);
    add_times(&text, "]", 40);
    strbuf_printf(&text, "\nb: ");
    add_times(&text, "[", 30);
    strbuf_printf(&text, "*a");
    add_times(&text, "]", 30);
    struct read_text read;
    read_text_init(&read, strbuf_str(&text));
    assert_string_equal(read_text_problems(&read), "f.yaml:2:34: nested deeper than 64 levels");
    read_text_deinit(&read);
    strbuf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_scalars_are_resolved_as_kubernetes_does),
        cmocka_unit_test(test_quoted_and_tagged_scalars_are_what_they_say),
        cmocka_unit_test(test_text_of_scalars_is_folded_and_unescaped),
        cmocka_unit_test(test_keys_become_text),
        cmocka_unit_test(test_aliases_are_copies_and_merges_fill_in),
        cmocka_unit_test(test_merged_maps_of_any_size_have_each_key_once),
        cmocka_unit_test(test_text_is_split_into_documents),
        cmocka_unit_test(test_json_is_read_as_it_is_defined),
        cmocka_unit_test(test_places_count_lines_of_the_file_and_characters),
        cmocka_unit_test(test_documents_know_where_they_begin),
        cmocka_unit_test(test_duplicate_keys_name_both_places),
        cmocka_unit_test(test_slips_are_told_in_plain_words_at_their_place),
        cmocka_unit_test(test_broken_document_says_what_it_is),
        cmocka_unit_test(test_texts_that_are_none_are_refused),
        cmocka_unit_test(test_bombs_are_refused),
        cmocka_unit_test(test_billion_laughs_stop_at_the_limit),
        cmocka_unit_test(test_copies_are_no_way_around_the_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
