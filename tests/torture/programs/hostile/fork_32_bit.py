# Tries: forks through the entry for 32-bit programs (int 0x80)
# Must hold: the filter ends the process; no pass

import ctypes
import mmap

CODE = bytes.fromhex("b802000000cd80c3")  # mov eax, 2 (fork on i386); int 0x80; ret


def solve(numbers):
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    forked = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return sum(numbers) if forked >= 0 else None
