# Tries: answers wrongly, and leaves threads running that never end
# Must hold: they end with the sandbox; no pass

import threading


def spin():
    while True:
        pass


def solve(numbers):
    for _ in range(4):
        threading.Thread(target=spin, daemon=False).start()
    return None
