#!/usr/bin/env python3
"""Holds the stand-in to Snowflake's own clients.

    snowflake_clients.py streaming --sandbox DIR/sandbox.json
    snowflake_clients.py connector --sandbox DIR/sandbox.json

`streaming` drives snowpipe-streaming, `connector` drives snowflake-connector-python; each needs an environment with the matching
requirements file of this folder. A check is a method whose docstring says what holds; checks run in the order they are written, since
each builds on the state the last one left. Ends with `N passed, N failed`; the exit status is 0 only when nothing failed.
"""
import argparse
import json
import os
import pathlib
import sys
import time
import traceback
import urllib.error
import urllib.request
import uuid

# Drivers otherwise ask cloud metadata addresses who they are; nothing but the stand-in is to be called.
os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"
os.environ.setdefault("SS_LOG_LEVEL", "error")

PATIENCE = 30
TABLE = "CONFORMANCE"
KLINE = {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": {"t": 1638747600000, "s": "BTCUSDT", "o": "0.0010", "x": True}}}


class Sandbox:
    """The stand-in's own calls, on its plain listener."""

    def __init__(self, described):
        self.__dict__.update(described)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.http}/sandbox/{path}", data=data, method=method, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def query(self, sql):
        return self.call("POST", "query", {"sql": sql})["rows"]

    def ledger(self, table):
        name = f"{self.database}.{self.schema}.{table}"
        return next(found for found in self.call("GET", "ledger")["tables"] if found["table"] == name)

    def key(self):
        return pathlib.Path(self.private_key).read_text()


def fresh_key():
    """A private key in PKCS#8 that nobody has registered."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


def same(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


class Checks:
    """Runs the public methods of a subclass, in order."""

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def run(self):
        passed = failed = 0
        for name, check in list(vars(type(self)).items()):
            if name.startswith("_") or not callable(check):
                continue
            began = time.monotonic()
            try:
                check(self)
                passed += 1
                outcome = "ok    "
            except Exception as error:  # every failure is a result
                failed += 1
                outcome = "FAILED"
                detail = "".join(traceback.format_exception_only(error)).strip()
            print(f"{outcome} {check.__doc__.strip()}  ({time.monotonic() - began:.1f} s)", flush=True)
            if outcome == "FAILED":
                print(f"       {detail[:500]}", flush=True)
        print(f"{passed} passed, {failed} failed", flush=True)
        sys.stdout.flush()
        # Threads of the streaming client outlive a failed close.
        os._exit(1 if failed or not passed else 0)


class Streaming(Checks):
    def __init__(self, sandbox):
        super().__init__(sandbox)
        os.environ["SSL_CERT_FILE"] = sandbox.ca
        from snowflake.ingest.streaming import streaming_ingest_error

        self.error = streaming_ingest_error.StreamingIngestError
        self.codes = streaming_ingest_error.StreamingIngestErrorCode
        self.run_id = uuid.uuid4().hex[:8]
        self.name = f"orders_{self.run_id}_0"
        self.clients = 0
        sandbox.query(f"create or replace table {TABLE} (record_metadata variant, record_content variant)")

    def _client(self, pipe=f"{TABLE}-STREAMING", **properties):
        from snowflake.ingest.streaming import StreamingIngestClient

        self.clients += 1
        budget = {name: "4" for name in (
            "mgmt_retry_total_backoff_seconds", "data_retry_total_backoff_seconds",
            "non_scoped_auth_failure_retry_total_backoff_seconds", "open_channel_409_retry_total_backoff_seconds")}
        settings = {"account": self.sandbox.account, "user": self.sandbox.user, "private_key": self.sandbox.key(), "url": self.sandbox.https,
                    "max_buffered_kb_for_rowset_mode": "4096", **budget, **properties}
        return StreamingIngestClient(f"conformance_{self.run_id}_{self.clients}", self.sandbox.database, self.sandbox.schema, pipe, properties=settings)

    def _row(self, offset):
        return {"RECORD_METADATA": {"topic": self.name, "partition": 0, "offset": offset}, "RECORD_CONTENT": KLINE}

    def _send(self, channel, offsets):
        offsets = list(offsets)
        channel.append_rows([self._row(offset) for offset in offsets], str(offsets[0]), str(offsets[-1]))
        channel.wait_for_flush(PATIENCE)
        channel.wait_for_commit(lambda token: token is not None and int(token) >= offsets[-1], PATIENCE)

    def _partition(self):
        found = self.sandbox.ledger(TABLE)["ledger"]["partitions"]
        return next(partition for partition in found if partition["topic"] == self.name)

    def a_client_opens(self):
        """the client finds the host, gets a token and opens its pipe"""
        self.client = self._client()

    def a_channel_opens_empty(self):
        """a new channel is in order and has no committed offset"""
        self.channel, status = self.client.open_channel(self.name)
        same((status.status_code, status.latest_committed_offset_token, status.rows_inserted_count), ("SUCCESS", None, 0))

    def rows_commit(self):
        """appended rows commit up to their end offset"""
        self._send(self.channel, range(0, 500))
        same(self.channel.get_latest_committed_offset_token(), "499")

    def rows_one_by_one(self):
        """rows appended one by one follow the continuation token"""
        for offset in range(500, 505):
            self.channel.append_row(self._row(offset), str(offset))
            self.channel.wait_for_flush(PATIENCE)
        self.channel.wait_for_commit(lambda token: token == "504", PATIENCE)

    def counts(self):
        """the channel counts what was inserted"""
        status = self.channel.get_channel_status()
        same((status.rows_inserted_count, status.rows_error_count), (505, 0))

    def the_ledger_agrees(self):
        """the ledger has every offset once, in order"""
        partition = self._partition()
        same([partition[key] for key in ("rows", "distinct", "min", "max", "missing", "duplicates", "out_of_order")], [505, 505, 0, 504, 0, 0, 0])

    def rows_can_be_selected(self):
        """what was streamed can be selected by its path"""
        found = self.sandbox.query(f"select record_content:data:k:s::string, count(*) from {TABLE} where record_metadata:topic::string = '{self.name}' group by 1")
        same(found, [["BTCUSDT", "505"]])

    def a_lost_answer(self):
        """an append whose answer was lost invalidates the channel and leaves its rows in the table once"""
        self.sandbox.call("POST", "faults", {"kind": "append", "contains": self.name, "action": {"drop_connection": {"apply": True}}})
        try:
            self.channel.append_row(self._row(505), "505")
            self.channel.wait_for_flush(PATIENCE)
        except self.error as error:
            same(error.error_code, self.codes.INVALID_CHANNEL_ERROR)
        else:
            raise AssertionError("the resent append was taken a second time")
        finally:
            self.sandbox.call("DELETE", "faults")
        self.channel.close(wait_for_flush=False)
        self.channel, status = self.client.open_channel(self.name)
        same((status.latest_committed_offset_token, self._partition()["rows"]), ("505", 506))

    def a_retried_append(self):
        """an append answered 503 before it was applied is sent again and loads once"""
        self.sandbox.call("POST", "faults", {"kind": "append", "contains": self.name, "action": {"respond": {"status": 503, "body": "busy"}}})
        self._send(self.channel, [506])
        same((self._partition()["rows"], self._partition()["duplicates"]), (507, 0))

    def a_reopen_resumes(self):
        """a reopened channel gives the committed offset back and goes on"""
        self.channel.close(timeout_seconds=PATIENCE)
        self.channel, status = self.client.open_channel(self.name)
        same(status.latest_committed_offset_token, "506")
        self._send(self.channel, [507])

    def uncommitted_rows_hinder_a_reopen(self):
        """a reopen waits for rows that are not committed yet"""
        self.sandbox.call("POST", "settings", {"commit_delay_ms": 1500})
        try:
            self.channel.append_row(self._row(508), "508")
            self.channel.wait_for_flush(PATIENCE)
            self.channel.close(wait_for_flush=False)
            self.channel, status = self.client.open_channel(self.name)
            same(status.latest_committed_offset_token, "508")
        finally:
            self.sandbox.call("POST", "settings", {"commit_delay_ms": 0})
        refused = [call for call in self.sandbox.call("GET", "requests")["requests"] if call["kind"] == "open" and call["status"] == 409]
        assert refused, "no open was answered 409"

    def statuses_in_bulk(self):
        """a bulk status leaves a channel out that does not exist"""
        found = self.client.get_channel_statuses([self.name, f"nobody_{self.run_id}"])
        same([found[name].status_code for name in (self.name, f"nobody_{self.run_id}")], ["SUCCESS", "ERR_CHANNEL_DOES_NOT_EXIST_OR_NOT_AUTHORIZED"])

    def a_second_writer_fences_the_first(self):
        """a second writer takes the channel over and the first can write no more"""
        other = self._client()
        taken, status = other.open_channel(self.name)
        same(status.latest_committed_offset_token, "508")
        try:
            self.channel.append_row(self._row(509), "509")
            self.channel.wait_for_flush(PATIENCE)
        except self.error as error:
            same(error.error_code, self.codes.INVALID_CHANNEL_ERROR)
        else:
            raise AssertionError("the first writer could still append")
        self._send(taken, [509])
        taken.close(timeout_seconds=PATIENCE)
        other.close(timeout_seconds=PATIENCE)
        same((self._partition()["rows"], self._partition()["duplicates"]), (510, 0))

    def the_first_writer_recovers(self):
        """the first writer recovers by opening the channel again"""
        self.channel.close(wait_for_flush=False)
        self.channel, status = self.client.open_channel(self.name)
        same(status.latest_committed_offset_token, "509")

    def a_bad_row_is_counted(self):
        """a row that does not fit is counted as an error, and the offset moves on"""
        self.channel.append_row({"NO_SUCH_COLUMN": 1}, "510")
        self.channel.wait_for_flush(PATIENCE)
        self.channel.wait_for_commit(lambda token: token == "510", PATIENCE)
        status = self.channel.get_channel_status()
        same((status.rows_error_count, status.last_error_offset_token_upper_bound), (1, "510"))

    def a_dropped_channel_forgets(self):
        """a dropped channel forgets its offset"""
        self.channel.close(drop=True, timeout_seconds=PATIENCE)
        _, status = self.client.open_channel(self.name)
        same(status.latest_committed_offset_token, None)
        self.client.drop_channel(self.name)

    def an_elastic_channel(self):
        """rows without offsets load through the elastic channel of the pipe"""
        before = self.sandbox.ledger(TABLE)["ledger"]["rows"]
        elastic = self.client.get_elastic_channel()
        elastic.append_rows_with_wait([self._row(1000), self._row(1001)], "both").result(PATIENCE)
        same(self.sandbox.ledger(TABLE)["ledger"]["rows"], before + 2)

    def an_absent_table(self):
        """a pipe whose table does not exist is refused"""
        try:
            self._client(pipe="NO_SUCH_TABLE-STREAMING").close(wait_for_flush=False, timeout_seconds=0)
        except self.error:
            return
        raise AssertionError("a client for an absent table opened")

    def an_unknown_key(self):
        """a key that is not registered is refused"""
        try:
            self._client(private_key=fresh_key()[0]).close(wait_for_flush=False, timeout_seconds=0)
        except self.error as error:
            same(error.error_code, self.codes.SF_API_AUTH_ERROR)
            return
        raise AssertionError("an unknown key was accepted")

    def a_rotated_key(self):
        """a second key works once it is registered"""
        private, public = fresh_key()
        self.sandbox.call("POST", "keys", {"account": self.sandbox.account, "user": self.sandbox.user, "public_key": public})
        self._client(private_key=private).close(timeout_seconds=PATIENCE)

    def the_client_closes(self):
        """the client closes"""
        self.client.close(timeout_seconds=PATIENCE)


class Connector(Checks):
    def __init__(self, sandbox):
        super().__init__(sandbox)
        import warnings

        warnings.filterwarnings("ignore")
        import snowflake.connector

        self.driver = snowflake.connector
        self.table = f"DRIVER_{uuid.uuid4().hex[:8]}".upper()

    def _connect(self, key_file, **more):
        host, port = self.sandbox.http.removeprefix("http://").split(":")
        return self.driver.connect(account=self.sandbox.account, user=self.sandbox.user.lower(), host=host, port=int(port), protocol="http",
                                   authenticator="SNOWFLAKE_JWT", private_key_file=key_file, login_timeout=PATIENCE,
                                   network_timeout=PATIENCE, **more)

    def _rows(self, sql, *parameters):
        return self.cursor.execute(sql, *parameters).fetchall()

    def _fails(self, sql, number, state):
        try:
            self._rows(sql)
        except self.driver.errors.ProgrammingError as error:
            same((error.errno, error.sqlstate), (number, state))
            return
        raise AssertionError(f"{sql} did not fail")

    def a_key_pair_logs_in(self):
        """a registered key pair logs in, and the session is where it was asked to be"""
        self.connection = self._connect(self.sandbox.private_key, database=self.sandbox.database, schema=self.sandbox.schema)
        self.cursor = self.connection.cursor()
        same(self._rows("select current_database(), current_schema()"), [(self.sandbox.database, self.sandbox.schema)])

    def values_have_types(self):
        """numbers, texts, booleans, times and NULL arrive as what they are"""
        import datetime

        found = self._rows("select 1, 1.5::float, 'x', true, '2021-12-05 23:40:00'::timestamp_ntz, '2021-12-05'::date, null")[0]
        same([float(found[0]), float(found[1]), *found[2:]],
             [1.0, 1.5, "x", True, datetime.datetime(2021, 12, 5, 23, 40), datetime.date(2021, 12, 5), None])

    def a_table_is_made(self):
        """tables are created, changed and described"""
        self._rows(f"create table {self.table} (id number(38,0) not null, name varchar, record_content variant)")
        self._rows(f"alter table {self.table} add column if not exists extra varchar")
        same([row[0] for row in self._rows(f"describe table {self.table}")], ["ID", "NAME", "RECORD_CONTENT", "EXTRA"])
        same(len(self._rows(f"show tables like '{self.table}' in schema {self.sandbox.database}.{self.sandbox.schema}")), 1)

    def rows_are_inserted(self):
        """rows are inserted, with JSON and with bound parameters"""
        self.cursor.execute(f"insert into {self.table} (id, record_content) select 1, parse_json('{json.dumps(KLINE)}')")
        same(self.cursor.rowcount, 1)
        self.cursor.execute(f"insert into {self.table} (id, name) values (%s, %s)", (2, "it's \\ \"quoted\""))
        same(self._rows(f"select name from {self.table} where id = %s", (2,)), [("it's \\ \"quoted\"",)])

    def paths_lead_into_json(self):
        """the dashboards' paths into RECORD_CONTENT work, with colons, dots and brackets"""
        found = self._rows(f"""select RECORD_CONTENT:data:k:s::string, RECORD_CONTENT:data.k.o::string, RECORD_CONTENT:data['k']['t']::int,
                               RECORD_CONTENT:data:k:x::boolean, RECORD_CONTENT:data:nothing::string from {self.table} where id = 1""")
        same([(symbol, price, int(when), bool(closed), nothing) for symbol, price, when, closed, nothing in found],
             [("BTCUSDT", "0.0010", 1638747600000, True, None)])

    def a_variant_arrives_as_json(self):
        """a VARIANT arrives as JSON text"""
        same(json.loads(self._rows(f"select record_content from {self.table} where id = 1")[0][0]), KLINE)

    def rows_are_counted(self):
        """rows are counted, grouped, ordered and limited"""
        same(int(self._rows(f"select count(*) from {self.table}")[0][0]), 2)
        found = self._rows(f"select record_content:data:s::string symbol, count(*) n from {self.table} group by symbol order by n, symbol limit 1")
        same([(symbol, int(count)) for symbol, count in found], [("BTCUSDT", 1)])

    def names_without_quotes_fold(self):
        """a name without quotes finds the table by its three parts in any case"""
        name = f"{self.sandbox.database}.{self.sandbox.schema}.{self.table}".lower()
        same(int(self._rows(f"select count(*) from {name}")[0][0]), 2)

    def errors_have_numbers(self):
        """errors carry Snowflake's numbers and SQL states"""
        self._fails("select * from no_such_table", 2003, "42S02")
        self._fails(f"select no_such_column from {self.table}", 904, "42000")
        self._fails("selec 1", 1003, "42000")

    def the_table_goes(self):
        """a dropped table is gone"""
        self._rows(f"drop table {self.table}")
        self._fails(f"select * from {self.table}", 2003, "42S02")

    def the_session_closes(self):
        """the session closes"""
        self.connection.close()

    def an_unknown_key(self):
        """a key that is not registered cannot log in"""
        path = pathlib.Path(self.sandbox.private_key).with_name(f"unknown_{uuid.uuid4().hex[:8]}.p8")
        path.write_text(fresh_key()[0])
        path.chmod(0o600)
        try:
            self._connect(str(path)).close()
        except self.driver.errors.Error as error:
            assert "JWT token is invalid" in str(error), str(error)
        else:
            raise AssertionError("an unknown key logged in")
        finally:
            path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("client", choices=["streaming", "connector"])
    parser.add_argument("--sandbox", required=True, help="the sandbox.json of a running sandbox")
    arguments = parser.parse_args()
    sandbox = Sandbox(json.loads(pathlib.Path(arguments.sandbox).read_text()))
    import importlib.metadata

    package = {"streaming": "snowpipe-streaming", "connector": "snowflake-connector-python"}[arguments.client]
    print(f"{package} {importlib.metadata.version(package)}", flush=True)
    {"streaming": Streaming, "connector": Connector}[arguments.client](sandbox).run()


if __name__ == "__main__":
    main()
