import unittest

from hello import hello


class TestHello(unittest.TestCase):
    def test_hello(self) -> None:
        self.assertEqual(hello("world"), "hello world")
