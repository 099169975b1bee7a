import unittest

import dagger


class TestImage(unittest.TestCase):
    def test_shell(self) -> None:
        with dagger.connect() as dag:
            said = dag.container().from_("alpine").with_exec(["sh", "-c", "echo $0"]).stdout()
        self.assertEqual(said, "sh\n")


if __name__ == "__main__":
    unittest.main()
