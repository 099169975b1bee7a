def greet(name: str) -> str:
    return f"hello {name}"


def main() -> None:
    print(greet("world"))
