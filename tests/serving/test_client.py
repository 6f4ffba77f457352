import asyncio
import json

import httpx
import pytest
from tests.serving.processes import Process

from shortlist.serving import AsyncClient, Client, ServerError
from shortlist.serving.client import _Base


@pytest.mark.slow
def test_a_client_asks_a_server(made, tmp_path):
    with Process(made, "--state", str(tmp_path / "state.db")) as server:
        server.ready()
        with Client(server.url, timeout=30) as client:
            found = client.recommend(user=1, k=2, explain=True)
            assert [item.item for item in found.items] == [12, 13]
            assert found.items[0].why.retrieval.place == 1
            batch = client.recommend_batch([{"user": 2, "k": 1}, {"history": [10], "k": 1}])
            assert [answer.items[0].item for answer in batch.answers] == [13, 11]
            assert client.send_events([{"user": 99, "item": 10}]).stored == 1
            assert client.user(99).events == 1
            shown = client.send_impressions([12, 13], request=found.request)
            assert (shown.stored, shown.duplicates) == (2, 0)
            assert client.send_impressions([12, 13], request=found.request).duplicates == 2
            assert client.delete_user(99).erased
            assert client.models().models[0].status == "serving"
            assert client.reload().models[0].version == "1"
            assert client.delete_item(14).changed == 1
            with pytest.raises(ServerError, match="404: There is no item") as error:
                client.similar([14])
            assert error.value.problem["type"] == "urn:shortlist:problem:not-found"
            with pytest.raises(ServerError, match=r"422: .*two towers"):
                client.put_items([(14, {"title": "Again"})])

        async def ask():
            async with AsyncClient(server.url, timeout=30) as client:
                many = await asyncio.gather(*(client.recommend(user=n, k=1) for n in range(1, 9)))
                assert (await client.ready()).model == "1"
                assert (await client.send_events([{"user": 1, "item": 12}])).stored == 1
                return [answer.user for answer in many]

        assert asyncio.run(ask()) == list(range(1, 9))


def client_of(handler, **options):
    client = Client("http://localhost", **options)
    client._http.close()
    client._http = httpx.Client(transport=httpx.MockTransport(handler), base_url="http://localhost")
    return client


OVERLOADED = {"detail": "The server is overloaded.", "status": 503}


def test_an_overloaded_server_is_asked_again(monkeypatch):
    waits, asked = [], []
    monkeypatch.setattr("shortlist.serving.client.time.sleep", waits.append)

    def handler(request):
        asked.append(json.loads(request.content)["events"][0]["key"])
        if len(asked) < 3:
            return httpx.Response(503, headers={"Retry-After": "2"}, json=OVERLOADED)
        return httpx.Response(200, json={"stored": 1, "duplicates": 0, "conflicts": []})

    with client_of(handler) as client:
        assert client.send_events([{"user": 1, "item": 2}]).stored == 1
    assert waits == [2.0, 2.0]
    assert len(set(asked)) == 1  # the same key each time


def test_it_gives_up_and_says_why(monkeypatch):
    monkeypatch.setattr("shortlist.serving.client.time.sleep", lambda seconds: None)

    def lost(request):
        raise httpx.ConnectError("refused")

    with client_of(lost) as client, pytest.raises(ServerError, match="did not answer") as error:
        client.ready()
    assert error.value.status is None
    for response, said in (
        (httpx.Response(503, json=OVERLOADED), "503: The server is overloaded"),
        (httpx.Response(502, text="<html>"), "502: Bad Gateway"),
    ):
        client = client_of(lambda request, answer=response: answer)
        with client, pytest.raises(ServerError, match=said):
            client.recommend(user=1)


def test_what_may_have_been_done_is_not_sent_again(monkeypatch):
    monkeypatch.setattr("shortlist.serving.client.time.sleep", lambda seconds: None)
    asked = []

    def lost(request):
        asked.append(request.url.raw_path)
        raise httpx.ReadError("lost")

    with client_of(lost) as client:
        with pytest.raises(ServerError):
            client.delete_item("a/b c")
        with pytest.raises(ServerError):
            client.delete_user("ü")
    assert asked == [b"/v1/items/a%2Fb%20c", *[b"/v1/users/%C3%BC"] * 3]


def test_both_clients_ask_the_same():
    public = {n for n in dir(Client) if not n.startswith("_")} - set(dir(_Base))
    assert public == {n for n in dir(AsyncClient) if not n.startswith("_")} - set(dir(_Base))
