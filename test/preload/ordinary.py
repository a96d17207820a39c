# SPDX-License-Identifier: BSD-2-Clause
# An ordinary program that waits for many things: must print the same with the preload library and without.
import asyncio
import selectors
import socket
import threading


async def echo(r, w):
    w.write(await r.readline())
    await w.drain()
    w.close()


async def ask(port, i):
    r, w = await asyncio.open_connection("127.0.0.1", port)
    w.write(b"%d\n" % i)
    line = await r.readline()
    w.close()
    return line


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(await asyncio.gather(*(ask(port, i) for i in range(20))))
    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    print(await p.communicate(b"data" * 10000) == (b"data" * 10000, None), p.returncode)
    server.close()


asyncio.run(main())
for kind in selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector:
    a, b = socket.socketpair()
    s = kind()
    s.register(a, selectors.EVENT_READ)
    t = threading.Timer(0.05, lambda: b.send(b"x"))
    t.start()
    print([e for _, e in s.select(5)], s.select(0.01) != [])
    t.join()
