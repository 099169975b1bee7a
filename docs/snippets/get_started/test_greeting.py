import unittest

from greeting import greet


class TestGreeting(unittest.TestCase):
    def test_greet(self) -> None:
        self.assertEqual(greet("world"), "hello world")
