#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tools that judge the tree are judged here: each rule refuses what it should and lets the rest through."""
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.dont_write_bytecode = True


def load(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(TOOLS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Tree(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def write(self, path, text=""):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


class Layers(Tree):
    tool = load("check-layers")

    def problems(self, **files):
        self.write("src/LAYERS", "# comment\nbase:\nio: base\n")
        for name, text in files.items():
            self.write("src/" + name.replace("__", "/").replace("_h", ".h").replace("_c", ".c"), text)
        return "\n".join(self.tool.check_tree(self.root))

    def test_an_allowed_edge_passes(self):
        self.assertEqual("", self.problems(base__a_h="", io__b_h='#include "base/a.h"\n'))

    def test_an_edge_up_is_refused(self):
        self.assertIn("base/ may not include io/", self.problems(io__a_h="", base__b_h='#include "io/a.h"\n'))

    def test_a_circle_of_headers_is_refused(self):
        found = self.problems(base__a_h='#include "base/b.h"\n', base__b_h='#include "base/a.h"\n')
        self.assertIn("base/a.h > base/b.h > base/a.h", found)

    def test_the_own_header_comes_first(self):
        found = self.problems(base__a_h="", base__a_c='#include <stdio.h>\n#include "base/a.h"\n')
        self.assertIn("first include", found)

    def test_an_include_without_its_folder_is_refused(self):
        self.assertIn("folder/file.h", self.problems(base__a_h="", base__b_c='#include "a.h"\n'))

    def test_a_missing_header_is_refused(self):
        self.assertIn("does not exist", self.problems(base__b_c='#include "base/none.h"\n'))

    def test_an_unknown_folder_is_refused(self):
        self.assertIn("not listed", self.problems(extra__a_h=""))

    def test_layers_can_only_name_what_stands_above(self):
        self.write("LAYERS", "io: base\nbase:\n")
        self.assertIn("not listed above", "\n".join(self.tool.read_layers(self.root / "LAYERS")[1]))


class Source(unittest.TestCase):
    tool = load("check-source")

    def problems(self, body, path="src/http/a.c"):
        return "\n".join(self.tool.check_text(path, self.tool.LICENCE + "\n" + body))

    def test_each_forbidden_function_is_refused(self):
        for name in self.tool.NOWHERE + self.tool.ONLY_IN_BASE:
            self.assertIn(name, self.problems(f"int x = {name}(y);\n"))

    def test_raw_allocation_is_for_base_and_tests(self):
        self.assertEqual("", self.problems("p = malloc(1);\n", "src/base/a.c"))
        self.assertEqual("", self.problems("p = malloc(1);\n", "tests/unit/a.c"))

    def test_members_longer_names_comments_and_strings_are_no_calls(self):
        for body in ("ops->free(x);", "ops.free(x);", "mem_free(x);", "/* atoi(x) */", 'log("atoi(x)");', "snprintf(a);"):
            self.assertEqual("", self.problems(body + "\n"))

    def test_marks_disabled_code_and_numbered_fields_are_refused(self):
        for body in (f"/* {self.tool.MARKS[0]}: later */", "#if 0", "int priv1;"):
            self.assertNotEqual("", self.problems(body + "\n"))

    def test_the_licence_line_is_needed(self):
        self.assertIn("SPDX", "\n".join(self.tool.check_text("src/http/a.c", "int x;\n")))

    def test_a_header_needs_a_comment(self):
        self.assertIn("comment", self.problems("#pragma once\n", "src/http/a.h"))
        self.assertEqual("", self.problems("/* What. */\n#pragma once\n", "src/http/a.h"))


class Isolation(Tree):
    tool = load("check-isolation")

    def problems(self, body="", exchange="", layers="exchange:\nproxy: exchange\nmirror: exchange\napp: proxy mirror\n"):
        self.write("src/LAYERS", layers)
        self.write("src/exchange/tap.h", exchange)
        self.write("src/mirror/copy.c", body)
        return "\n".join(self.tool.check_tree(self.root))

    def test_what_a_mirror_does_with_its_own_passes(self):
        self.assertEqual("", self.problems(
            "static void on_open(struct client_call *call, struct stream *stream)\n{\n    copy->stream = stream;\n"
            "    stream_pull(copy->stream, 1);\n    loop_soon(loop, task);\n}\n",
            "struct tap_ops {\n    void (*on_data)(struct tap *tap, struct exchange *exchange);\n};\n"))

    def test_a_call_that_reaches_a_client_or_live_is_refused(self):
        for call in ("proxy_pause(live)", "relay_stop(relay)", "http1_conn_read(conn)", "server_close_all(server)",
                     "socket_read(sock, data, 1)", "listener_stop(listener)", "upstream_give(upstream)"):
            self.assertIn(call.split("(")[0] + "()", self.problems(f"    {call};\n"))

    def test_a_call_that_could_block_is_refused(self):
        for call in ("sleep(1)", "poll(fds, 1, 1)", "pthread_mutex_lock(lock)", "connect(fd, a, 1)", "worker_join(worker)"):
            self.assertIn(call.split("(")[0] + "()", self.problems(f"    {call};\n"))

    def test_a_stream_that_is_not_the_copy_s_is_refused(self):
        for line in ("stream_pull(exchange->client, 0)", "stream_reset(relay->live, why)",
                     "client_set_send_buffer(live->stream, 1, true)"):
            self.assertIn("not the copy's own", self.problems(f"    {line};\n"))
        self.assertIn("not the copy's own", self.problems("    struct stream *stream = exchange->tap_state;\n"))

    def test_an_exchange_that_leads_to_a_stream_is_refused(self):
        self.assertIn("could reach struct stream", self.problems(exchange="    struct stream *client;\n"))

    def test_a_tap_that_answers_is_refused(self):
        self.assertIn("on_data gives something back", self.problems(
            exchange="struct tap_ops {\n    bool (*on_data)(struct tap *tap);\n};\n"))

    def test_layers_between_source_and_mirror_are_refused(self):
        self.assertIn("mirror may not see proxy", self.problems(layers="proxy:\nmirror: proxy\n"))
        self.assertIn("proxy may not see mirror", self.problems(layers="mirror:\nproxy: mirror\n"))

    def test_a_symbol_that_a_macro_hides_is_refused(self):
        rows = "copy.c.o:\n0000 T copy_new\n     U stream_pull\n     U copy_new\n     U memcpy@GLIBC_2.14\n     U %s\n"
        self.assertEqual([], self.tool.check_symbols(rows % "loop_later"))
        self.assertIn("relay_stop", "".join(self.tool.check_symbols(rows % "relay_stop")))


class Globals(Tree):
    tool = load("check-globals")

    def problems(self, **files):
        for name, text in files.items():
            self.write("src/" + name.replace("__", "/") + ".c", text)
        return "\n".join(self.tool.check_source(self.root))

    def test_one_name_in_two_folders_is_found(self):
        found = self.problems(base__a="int take(void)\n{\n    return 1;\n}\n", http__b="int take(void)\n{\n    return 2;\n}\nint x;\n")
        self.assertIn("take is defined in", found)
        self.assertIn("src/base/a.c and in", found)
        self.assertIn("count is defined in", self.problems(base__c="int count = 1;\n", http__d="int count = 2;\n"))

    def test_what_is_static_declared_or_a_variant_within_a_folder_passes(self):
        body = "take(void)\n{\n    return 1;\n}\n"
        self.assertEqual("", self.problems(base__a="int " + body, base__a_other="int " + body, http__b="static int " + body,
                                           io__c="int take(void);\nextern int count;\n", tls__d="int count = 1;\n"))

    def test_symbols_of_two_libraries_are_found(self):
        one = "a.c.o:\n0000000000000010 T take\n0000000000000000 t own\n0000000000000000 W weak\n"
        other = "b.c.o:\n0000000000000020 D take\n0000000000000000 t own\n0000000000000000 W weak\n"
        found = [*self.tool.symbols(one, "liba.a"), *self.tool.symbols(other, "libb.a")]
        self.assertEqual([("take", "liba.a: a.c.o"), ("take", "libb.a: b.c.o")], found)
        self.assertIn("take is defined in liba.a: a.c.o and in libb.a: b.c.o", "".join(self.tool.several(found, str)))
        self.assertEqual([], list(self.tool.several(found[:1], str)))


class Size(Tree):
    tool = load("check-size")

    def test_long_functions_and_files_are_found(self):
        self.write("a.c", "int f(void)\n{\n" + "    g();\n" * 10 + "}\n" + "\n" * 800)
        path = self.root / "a.c"
        self.assertEqual([(str(path), 1, "f", 13)], list(self.tool.functions([path])))
        self.assertIn("813 lines", next(self.tool.long_files([path])))


class Docs(Tree):
    tool = load("check-docs")

    def problems(self, *rows):
        table = "## The suite\n\n| name | what | | by |\n|---|---|---|---|\n" + "".join(f"| {row} |\n" for row in rows)
        return "\n".join(self.tool.check_table(table, "## The suite"))

    def test_a_row_needs_a_test_or_a_reason(self):
        self.assertEqual("", self.problems("A | a | passes | `tests/a.py::test_a`", "B |  | not yet: TLS | "))
        self.assertIn("the line: A", self.problems("A | `tests/a.py::test_a` | passes | "))
        self.assertIn("the line: B", self.problems("B |  | not yet: | "))
        self.assertIn("no rows", self.problems())

    def test_a_test_that_is_gone_is_found(self):
        self.write("test_a.py", "def test_one():\n    pass\n")
        self.assertTrue(self.tool.has_test(self.root / "test_a.py", "test_one"))
        self.assertFalse(self.tool.has_test(self.root / "test_a.py", "test_two"))

    def suite(self, *rows):
        table = "## The suite\n\n| name | what | | files | server |\n|---|---|---|---|---|\n"
        return "\n".join(self.tool.check_suite(table + "".join(f"| {row} |\n" for row in rows)))

    def test_a_row_of_the_suite_passes_with_an_api_server_or_has_a_reason(self):
        self.assertEqual("", self.suite("A | a | passes | | `tests/e2e/test_a.py::test_a`", "B | b | not yet: b | | "))
        self.assertIn("the line: A", self.suite("A | a | passes | `tests/integration/test_a.py::test_a` | "))
        self.assertIn("the line: B", self.suite("B | b | fails | | `tests/e2e/test_a.py::test_a`"))
        self.assertIn("no rows", self.suite())

    def test_features_that_are_claimed_stand_in_the_table_and_no_others(self):
        table = "## Features\n\n| | claimed | not yet |\n|---|---|---|\n| core | HTTPRoute | |\n| HTTPRoute, extended | CORS, Retry | A |\n"
        source = '    "HTTPRoute",\n    "HTTPRouteCORS",\n'
        self.assertIn("HTTPRouteRetry is not claimed", "".join(self.tool.check_features(table, source)))
        both = source + '    "HTTPRouteRetry",\n'
        self.assertEqual("", "".join(self.tool.check_features(table, both)))
        self.assertIn("HTTPRouteTimeout is claimed", "".join(self.tool.check_features(table, both + '    "HTTPRouteTimeout",\n')))


class Sum(Tree):
    tool = load("sum-tests")

    def write_meson(self, *tests, xml=""):
        self.write("log.json", "".join(json.dumps(test) + "\n" for test in tests))
        if xml:
            self.write("log.junit.xml", f"<testsuites>{xml}</testsuites>")
        return self.tool.read_meson(str(self.root / "log"))

    def test_a_test_that_ran_out_of_time_failed(self):
        results = self.write_meson(
            {"name": "a", "result": "TIMEOUT"}, xml='<testsuite name="umbra"><testcase name="a"/></testsuite>'
        )
        self.assertEqual(["failed"], [outcome for _, outcome, _ in results])

    def test_a_skip_gives_its_last_line_as_reason(self):
        results = self.write_meson({"name": "a", "result": "SKIP", "stdout": "hello\nno such kernel\n"})
        self.assertEqual([("a", "skipped", "no such kernel")], results)

    def test_subtests_count_one_by_one(self):
        cases = '<testcase name="x"/><testcase name="y"><failure message="bad"/></testcase>'
        results = self.write_meson(
            {"name": "unit / a", "result": "FAIL"}, xml=f'<testsuite name="umbra.unit / a">{cases}</testsuite>'
        )
        self.assertEqual(["passed", "failed"], [outcome for _, outcome, _ in results])

    def test_functions_of_a_cmocka_program_count_one_by_one(self):
        stdout = "[ RUN      ] test_a\n[       OK ] test_a\n[ RUN      ] test_b\n[ RUN      ] test_c\nno IPv6\n[  SKIPPED ] test_c\n"
        stderr = "[  ERROR   ] --- 1 != 2\n[  FAILED  ] test_b\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] test_b\n"
        results = self.write_meson({"name": "u", "result": "FAIL", "stdout": stdout, "stderr": stderr})
        expected = [("u::test_a", "passed", ""), ("u::test_c", "skipped", "no IPv6"), ("u::test_b", "failed", "1 != 2")]
        self.assertEqual(expected, results)

    def test_a_crash_after_good_subtests_is_a_failure(self):
        results = self.write_meson(
            {"name": "a", "result": "ERROR"}, xml='<testsuite name="umbra.a"><testcase name="x"/></testsuite>'
        )
        self.assertEqual(["passed", "failed"], [outcome for _, outcome, _ in results])

    def test_a_pytest_skip_gives_its_message(self):
        self.write("p.xml", '<testsuites><testsuite><testcase classname="c" name="n"><skipped message="no wrk"/>'
                            "</testcase></testsuite></testsuites>")
        self.assertEqual([("c::n", "skipped", "no wrk")], self.tool.read_pytest(self.root / "p.xml"))

    def test_missing_results_are_a_failure(self):
        self.assertEqual("failed", self.tool.read("meson:x:/does/not/exist")[2][0][1])

    def test_what_passes_the_second_time_has_passed_and_is_named(self):
        first = [("a::x", "failed", "bad"), ("a::x", "failed", "its end"), ("a::y", "failed", "bad"), ("a::z", "passed", "")]
        second = [("a::x", "passed", ""), ("a::y", "failed", "bad again")]
        expected = [("a::y", "failed", "bad"), ("a::z", "passed", ""), ("a::x", "passed", "")]
        self.assertEqual((expected, ["a::x"]), self.tool.forgive("pytest", first, second))

    def test_a_program_that_passes_the_second_time_counts_with_all_its_functions(self):
        first = [("u::one", "passed", ""), ("u", "failed", "TIMEOUT"), ("v::one", "failed", "bad")]
        second = [("u::one", "passed", ""), ("u::two", "passed", ""), ("v::one", "passed", ""), ("v", "failed", "ERROR")]
        expected = [("v::one", "failed", "bad"), ("u::one", "passed", ""), ("u::two", "passed", "")]
        self.assertEqual((expected, ["u"]), self.tool.forgive("meson", first, second))

    def test_a_skip_the_second_time_forgives_nothing(self):
        first = [("a::x", "failed", "bad")]
        self.assertEqual((first, []), self.tool.forgive("pytest", first, [("a::x", "skipped", "no wrk")]))


class Again(Tree):
    tool = load("test-again")

    def pytest_names(self, names, text="assert 0"):
        self.write("lastfailed", json.dumps(dict.fromkeys(names, True)))
        self.write("p.xml", f"<testsuites><testcase><failure message='assert 0'>{text}</failure></testcase></testsuites>")
        return self.tool.pytest_names(self.root / "lastfailed", self.root / "p.xml")

    def meson_names(self, *tests):
        self.write("log.json", "".join(json.dumps(test) + "\n" for test in tests))
        return self.tool.meson_names(str(self.root / "log"))

    def test_a_few_are_run_again_and_many_are_not(self):
        names = [f"test_a.py::test_{number}[a b]" for number in range(6)]
        self.assertEqual(names[:5], self.pytest_names(names[:5]))
        self.assertEqual([], self.pytest_names(names))

    def test_a_file_that_can_not_be_read_is_not_run_again(self):
        self.assertEqual([], self.pytest_names(["test_a.py"]))

    def test_what_a_sanitizer_complained_of_is_not_run_again(self):
        for text in ("==1==ERROR: AddressSanitizer: heap-use-after-free", "WARNING: ThreadSanitizer: data race (pid=1)",
                     "==1==ERROR: LeakSanitizer: detected memory leaks", "src/base/a.c:7:3: runtime error: signed integer overflow"):
            self.assertEqual([], self.pytest_names(["test_a.py::test_a"], text))
            self.assertEqual([], self.meson_names({"name": "umbra:unit / base/a", "result": "FAIL", "stderr": text}))

    def test_of_meson_s_tests_those_of_unit_and_sim_are_run_again(self):
        tests = [{"name": f"umbra:{suite} / {suite}/a", "result": "TIMEOUT"} for suite in ("unit", "lint", "sim", "fuzz")]
        good = {"name": "umbra:unit / b", "result": "OK", "stderr": "AddressSanitizer"}
        self.assertEqual(["unit/a", "sim/a"], self.meson_names(*tests, good))


class Dev(Tree):
    """`./dev test` as far as pytest is concerned, with tests of our own."""
    FLAKY = ("import os\n\n\ndef test_flaky():\n    if not os.path.exists('was_here'):\n        open('was_here', 'w').close()\n"
             "        assert 0, 'at first'\n\n\ndef test_good():\n    pass\n")
    BAD = "\n\ndef test_bad():\n    assert 0, 'always'\n"

    def run_tests(self, text, label="integration", before=""):
        self.write("tests/integration/test_it.py", text)
        for path in (TOOLS.parent / "dev", TOOLS / "sum-tests", TOOLS / "test-again"):
            self.write(path.relative_to(TOOLS.parent), path.read_text())
        done = subprocess.run(["bash", "-c", f'source ./dev help >/dev/null; mkdir -p "$OUT"; {before}\n'
                               f'pytest_tests {label} integration /bin/true >log 2>&1\n'
                               '"$PYTHON" tools/sum-tests --again "$OUT/again.txt" "${RESULTS[@]}"'],
                              cwd=self.root, capture_output=True, text=True, timeout=100, check=False)
        return done.returncode, done.stdout.splitlines(), (self.root / "build/results/again.txt").read_text()

    def test_one_that_passes_alone_is_listed_and_counts_as_passed(self):
        code, lines, again = self.run_tests(self.FLAKY)
        said = "passed only when run again, alone: tests.integration.test_it::test_flaky"
        self.assertEqual((0, [said, "2 passed, 0 failed, 0 skipped"], said + "\n"), (code, lines[-2:], again))

    def test_one_that_fails_twice_has_failed(self):
        code, lines, again = self.run_tests(self.FLAKY + self.BAD)
        self.assertEqual((1, "2 passed, 1 failed, 0 skipped", 1), (code, lines[-1], again.count("\n")))

    def test_a_report_of_a_sanitizer_forgives_nothing(self):
        code, lines, again = self.run_tests(self.FLAKY, "asan-integration", 'touch "$OUT/asan.report.1"')
        self.assertEqual((1, "1 passed, 1 failed, 0 skipped", ""), (code, lines[-1], again))

    def test_a_search_for_leaks_that_was_interrupted_is_no_report(self):
        void = 'echo "==7==Unable to get registers from thread 5." >"$OUT/asan.report.1"'
        code, lines, _again = self.run_tests(self.FLAKY, "asan-integration", void)
        self.assertEqual((0, "2 passed, 0 failed, 0 skipped"), (code, lines[-1]))
        (self.root / "was_here").unlink()
        more = void + '; echo "==8==ERROR: AddressSanitizer: heap-use-after-free" >>"$OUT/asan.report.1"'
        code, lines, _again = self.run_tests(self.FLAKY, "asan-integration", more)
        self.assertEqual((1, "1 passed, 1 failed, 0 skipped"), (code, lines[-1]))


if __name__ == "__main__":
    unittest.main()
