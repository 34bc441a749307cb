"""Proves that compare.py finds what it is for."""

import copy
import unittest

import compare

SANDBOX, GATEWAY = "http://127.0.0.1:80", "http://127.0.0.1:8080"


def a_call(**changes):
    request = {"request": f"GET {SANDBOX}/api/v4/job", "status": 200, "headers": {"link": f'<{SANDBOX}/x>; rel="next"'}}
    result = {"id": 1, "duration": 240.0, "ref": None, "web_url": f"{SANDBOX}/acme/widgets"}
    return {"call": "a", "want": "ok", "result": result, "wire": [request]} | changes


def through(call):
    """The same call through a faithful gateway."""
    call = copy.deepcopy(call)
    call["wire"] = compare.replaced(call["wire"], SANDBOX, GATEWAY)
    return call


def found(other, one=None):
    """What the comparison says of a call made directly and another made through the gateway."""
    return "\n".join(compare.compared(
        compare.normal([one or a_call()], SANDBOX, SANDBOX), compare.normal([other], GATEWAY, SANDBOX)
    ))


class ComparedTest(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(found(through(a_call())), "")

    def test_values(self):
        for member, value in {"id": 2, "duration": 240, "ref": "", "new": None}.items():
            call = through(a_call())
            call["result"][member] = value
            self.assertIn(f".result.{member}: ", found(call))

    def test_null_is_not_absent(self):
        call = through(a_call())
        del call["result"]["ref"]
        self.assertIn(".result.ref: null directly, absent through", found(call))

    def test_lists(self):
        self.assertIn(".result: 2 items directly, 1 through",
                      found(through(a_call(result=[1])), a_call(result=[1, 2])))

    def test_error_for_a_result(self):
        call = through(a_call(error={"status": 500}))
        del call["result"]
        self.assertIn(".error: absent directly", found(call))

    def test_links_name_the_gateway(self):
        call = through(a_call())
        call["wire"][0]["headers"]["link"] = f'<{SANDBOX}/x>; rel="next"'
        self.assertIn(".wire[0].headers.link: ", found(call))

    def test_requests_stay_with_the_gateway(self):
        call = through(a_call())
        call["wire"].append(a_call()["wire"][0])
        self.assertIn(".wire: 1 items directly, 2 through", found(call))
        call = through(a_call())
        call["wire"] = a_call()["wire"]
        self.assertIn(".wire[0].request: ", found(call))

    def test_data_names_gitlab(self):
        call = through(a_call())
        call["result"]["web_url"] = f"{GATEWAY}/acme/widgets"
        self.assertIn(".result.web_url: ", found(call))

    def test_links_without_credentials(self):
        def linked(query):
            call = a_call()
            call["wire"][0]["headers"]["link"] = f'<{SANDBOX}/x?{query}>; rel="next"'
            return call

        for query in ("private_token=glpat-x&a=1&z=2", "a=1&job_token=x&z=2", "a=1&z=2&token=x"):
            one = linked(query)
            self.assertEqual(found(through(linked("a=1&z=2")), one), "")
            self.assertIn(".headers.link: ", found(through(one), one))

    def test_a_call_less(self):
        calls = [a_call(), a_call(call="b")]
        self.assertEqual(list(compare.compared(calls, calls[:1])), ["b: made only directly"])


class UnexpectedTest(unittest.TestCase):
    def setUp(self):
        compare.EXPECTED["test"] = {"results": 1, "errors": 1}
        self.addCleanup(compare.EXPECTED.pop, "test")
        self.failed = {"call": "b", "want": 404, "error": {"status": 404}}

    def wrong(self, *calls):
        return "\n".join(compare.unexpected("test", calls))

    def test_as_expected(self):
        self.assertEqual(self.wrong(a_call(), self.failed), "")

    def test_no_calls(self):
        self.assertIn("got {'results': 0, 'errors': 0}", self.wrong())

    def test_other_outcomes(self):
        self.assertIn("a: wanted 404, got ok", self.wrong(a_call(want=404), self.failed))
        self.assertIn("b: wanted ok, got 404", self.wrong(a_call(), self.failed | {"want": "ok"}))
        self.assertIn("b: wanted 404, got client", self.wrong(a_call(), self.failed | {"error": {}}))

    def test_same_name(self):
        self.assertIn("a: two calls of this name", self.wrong(a_call(), self.failed | {"call": "a"}))


if __name__ == "__main__":
    unittest.main()
