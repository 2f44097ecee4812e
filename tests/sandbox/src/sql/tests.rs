//! Statements as users write them, and what they answer.

use crate::rows;
use crate::world::{Settings, World, lock};

use super::*;

struct Db {
    world: World,
    session: Session,
}

impl Db {
    fn new() -> Self {
        let world = World::new("127.0.0.1", Settings::default()).unwrap();
        Self { world, session: Session::new("TESTER", Some("CRYPTO_DB".to_owned()), None) }
    }

    fn run(&mut self, sql: &str) -> Result<Outcome, SqlError> {
        execute(&self.world, &mut self.session, sql, &[])
    }

    fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let outcome = self.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        outcome.rows.into_iter().map(|row| row.into_iter().map(|cell| cell.unwrap_or("NULL".to_owned())).collect()).collect()
    }

    fn code(&mut self, sql: &str) -> (String, String) {
        let error = self.run(sql).expect_err(sql);
        (error.code, error.state)
    }

    /// Loads rows as the streaming side does.
    fn stream(&mut self, table: &str, body: &str) {
        let mut state = lock(&self.world.state);
        let table = state.catalog.find_by_uri("CRYPTO_DB", "PUBLIC", table).unwrap();
        let (id, shape) = (table.id, table.shape.clone());
        let scan = rows::scan(body.as_bytes().to_vec(), &shape, true).unwrap();
        let table = state.catalog.table_mut(id).unwrap();
        table.evolve(&scan.added, &scan.loosened);
        table.batches.push(std::sync::Arc::new(scan.batch.unwrap()));
    }
}

const KLINE: &str = concat!(
    r#"{"RECORD_METADATA":{"topic":"binance_kline","partition":0,"offset":7,"CreateTime":1638747660123},"#,
    r#""RECORD_CONTENT":{"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": 1638747660000, "s": "BTCUSDT", "#,
    r#""k": {"t": 1638747600000, "T": 1638747659999, "s": "BTCUSDT", "o": "0.0010", "c": "0.0020", "x": true, "n": 100}}}}"#,
    "\n",
    r#"{"RECORD_METADATA":{"topic":"binance_kline","partition":0,"offset":10,"CreateTime":1638747660124},"#,
    r#""RECORD_CONTENT":{"data": {"s": "ETHUSDT", "k": {"s": "ETHUSDT", "o": "5", "x": false, "n": 9}}}}"#,
    "\n",
    r#"{"RECORD_METADATA":{"topic":"binance_kline","partition":1,"offset":9,"CreateTime":1638747660125},"#,
    r#""RECORD_CONTENT":{"data": {"s": "BTCUSDT", "k": {"s": "BTCUSDT", "o": "6.5", "x": false, "n": 100}}}}"#,
    "\n",
);

fn klines() -> Db {
    let mut db = Db::new();
    db.run("create table if not exists binance_kline (record_metadata variant, record_content variant)").unwrap();
    db.stream("BINANCE_KLINE", KLINE);
    db
}

#[test]
fn paths_into_streamed_rows_give_what_the_dashboards_expect() {
    let mut db = klines();
    assert_eq!(
        db.rows(
            "SELECT RECORD_CONTENT:data:k:s::string AS symbol, RECORD_CONTENT:data.k.o::string, RECORD_METADATA:offset::int,
             RECORD_CONTENT:data:k:x::boolean FROM CRYPTO_DB.PUBLIC.binance_kline WHERE RECORD_CONTENT:data:k:s = 'BTCUSDT'
             ORDER BY RECORD_METADATA:offset"
        ),
        [["BTCUSDT", "0.0010", "7", "true"], ["BTCUSDT", "6.5", "9", "false"]]
    );
    assert_eq!(
        db.rows("select record_content:data:s::string s, count(*) from binance_kline group by 1 order by 2 desc, s"),
        [["BTCUSDT", "2"], ["ETHUSDT", "1"]]
    );
    assert_eq!(db.rows("select record_content:data['k']['o'] from binance_kline limit 1"), [["\"0.0010\""]]);
    assert_eq!(db.rows("select record_content:data:nothing from binance_kline limit 1"), [["NULL"]]);
    assert_eq!(db.rows("select count(*) from \"CRYPTO_DB\".\"PUBLIC\".\"BINANCE_KLINE\""), [["3"]]);
}

#[test]
fn variants_order_as_the_numbers_they_hold() {
    let mut db = klines();
    assert_eq!(
        db.rows("select record_metadata:offset from binance_kline order by record_metadata:offset desc"),
        [["10"], ["9"], ["7"]]
    );
    assert_eq!(db.rows("select max(record_metadata:offset), min(record_metadata:offset)::int from binance_kline"), [["10", "7"]]);
    assert_eq!(db.rows("select count(*) from binance_kline where record_metadata:offset >= 9"), [["2"]]);
    assert_eq!(db.rows("select sum(record_content:data:k:o::float) from binance_kline"), [["11.501"]]);
}

#[test]
fn rows_that_come_later_are_seen_by_the_next_query() {
    let mut db = klines();
    assert_eq!(db.rows("select count(*) from binance_kline"), [["3"]]);
    db.stream("BINANCE_KLINE", KLINE);
    assert_eq!(db.rows("select count(*) from binance_kline"), [["6"]]);
    db.run("truncate table binance_kline").unwrap();
    assert_eq!(db.rows("select count(*) from binance_kline"), [["0"]]);
}

#[test]
fn a_table_that_evolves_shows_its_new_columns() {
    let mut db = Db::new();
    db.run("create table k (record_metadata variant comment 'x') enable_schema_evolution = true error_logging = true").unwrap();
    db.stream("K", "{\"record_metadata\":{\"offset\":1},\"symbol\":\"BTC\",\"open\":1.5,\"n\":3,\"closed\":true}\n");
    assert_eq!(db.rows("select symbol, open, n, closed from k"), [["BTC", "1.5", "3", "true"]]);
    db.stream("K", "{\"Symbol\":\"ETH\",\"tags\":[1,2]}\n");
    assert_eq!(db.rows("select symbol, tags[1]::int, open from k order by symbol"), [["BTC", "NULL", "1.5"], ["ETH", "2", "NULL"]]);
    let columns: Vec<_> = db.rows("describe table k").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let expected = [
        ("RECORD_METADATA", "VARIANT"),
        ("SYMBOL", "VARCHAR(16777216)"),
        ("OPEN", "FLOAT"),
        ("N", "NUMBER(38,0)"),
        ("CLOSED", "BOOLEAN"),
        ("TAGS", "VARIANT"),
    ];
    assert_eq!(columns, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
}

#[test]
fn tables_are_made_changed_and_dropped() {
    let mut db = Db::new();
    db.run("create database if not exists mydb").unwrap();
    db.run("create schema if not exists mydb.public").unwrap();
    db.run("use schema mydb.public").unwrap();
    db.run("create table t (id number(38,0) not null, name varchar, ts timestamp_ntz, v variant)").unwrap();
    assert_eq!(db.code("create table t (a int)").0, "002002");
    db.run("create table if not exists t (a int)").unwrap();
    db.run("alter table t add column if not exists extra varchar comment 'c', other int").unwrap();
    db.run("alter table t rename column other to another").unwrap();
    db.run("alter table t alter column id drop not null").unwrap();
    db.run("alter table t set enable_schema_evolution = true").unwrap();
    let names: Vec<_> = db.rows("desc table mydb.public.t").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, ["ID", "NAME", "TS", "V", "EXTRA", "ANOTHER"]);
    assert_eq!(db.rows("show tables like 't'").len(), 1);
    assert_eq!(db.rows("show tables like 'x%' in schema mydb.public").len(), 0);
    assert_eq!(db.rows("select table_name from mydb.information_schema.tables"), [["T"]]);
    assert_eq!(db.rows("drop table t"), [["T successfully dropped."]]);
    assert_eq!(db.code("drop table t"), ("002003".to_owned(), "42S02".to_owned()));
    db.run("drop table if exists t").unwrap();
}

#[test]
fn rows_are_inserted_updated_and_deleted() {
    let mut db = Db::new();
    db.run("create table t (id number(10,0), name varchar, ts timestamp_ntz, v variant)").unwrap();
    let insert = r#"insert into t(id,name,v) select 1,'a',parse_json('{"k":{"n":5,"a":[1,2]},"s":"x"}')"#;
    assert_eq!(db.rows(insert), [["1"]]);
    db.run("insert into t(id,name) values ('2', 'it\\'s'), (3, 'o''clock')").unwrap();
    assert_eq!(db.rows("select v:k.n::int, v:k.a[1]::int, v:s::varchar from t where id=1"), [["5", "2", "x"]]);
    assert_eq!(db.rows("select name from t where id > 1 order by id"), [["it's"], ["o'clock"]]);
    assert_eq!(db.rows("update t set ts = '2021-12-05T23:20:00Z' where id = 2"), [["1"]]);
    assert_eq!(db.rows("select ts from t where ts > '2021-12-05'"), [["2021-12-05 23:20:00.000"]]);
    assert_eq!(db.rows("delete from t where id in (2, 3)"), [["2"]]);
    assert_eq!(db.code("insert into t(id) values ('abc')"), ("100038".to_owned(), "22018".to_owned()));
    assert_eq!(db.code("insert into t(id, name) values (1)").0, "002020");
}

#[test]
fn errors_carry_snowflakes_numbers() {
    let mut db = klines();
    let pair = |code: &str, state: &str| (code.to_owned(), state.to_owned());
    assert_eq!(db.code("select * from no_such_table"), pair("002003", "42S02"));
    assert_eq!(db.code("select nothing from binance_kline"), pair("000904", "42000"));
    assert_eq!(db.code("selec 1"), pair("001003", "42000"));
    assert_eq!(db.code("select from where"), pair("001003", "42000"));
    assert_eq!(db.code("select 1/0"), pair("100051", "22012"));
    assert_eq!(db.code("select no_such_function(1)"), pair("002140", "42601"));
    assert_eq!(db.code("use database nowhere"), pair("002003", "02000"));
    assert_eq!(db.code("select 'x'::int"), pair("100038", "22018"));
}

#[test]
fn identifiers_fold_unless_quoted() {
    let mut db = Db::new();
    db.run("create table \"Mixed\" (\"a\" int, \"A\" int, b int)").unwrap();
    db.run("insert into \"Mixed\" values (1, 2, 3)").unwrap();
    assert_eq!(db.rows("select \"a\", a, B from \"Mixed\""), [["1", "2", "3"]]);
    assert_eq!(db.code("select * from mixed").0, "002003");
    let outcome = db.run("select \"a\" as x, a \"y\", count(*) from \"Mixed\" m group by m.\"a\", m.a").unwrap();
    assert_eq!(outcome.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["X", "y", "COUNT(*)"]);
}

#[test]
fn the_shapes_of_analysis_work() {
    let mut db = klines();
    let ranked = "select record_metadata:offset::int o, record_content:data:s::string s from binance_kline
                  qualify row_number() over (partition by record_content:data:s order by record_metadata:offset::int desc) = 1
                  order by o";
    assert_eq!(db.rows(ranked), [["9", "BTCUSDT"], ["10", "ETHUSDT"]]);
    let with =
        "with k as (select record_content:data:s::string as symbol, record_content:data:k:n::int as trades from binance_kline)
                select symbol, sum(trades) as total, avg(trades) from k group by symbol having total > 10 order by symbol";
    assert_eq!(db.rows(with), [["BTCUSDT", "200", "100.000000"]]);
    let joined = "select a.record_metadata:offset::int, b.record_metadata:partition::int from binance_kline a
                  join binance_kline b on a.record_metadata:offset = b.record_metadata:offset + 1 order by 1";
    assert_eq!(db.rows(joined), [["10", "1"]]);
    let duplicates =
        "select record_metadata:partition, record_metadata:offset, count(*) c from binance_kline group by 1, 2 having c > 1";
    assert!(db.rows(duplicates).is_empty());
    assert_eq!(db.rows("select distinct record_content:data:s::string from binance_kline order by 1").len(), 2);
    let flat = "select f.value:x::int, f.index from (select parse_json('[{\"x\":1},{\"x\":2}]') v) t,
                lateral flatten(input => t.v) f order by 2";
    assert_eq!(db.rows(flat), [["1", "0"], ["2", "1"]]);
    let times = "select to_timestamp(record_content:data:k:t::int, 3),
                 date_trunc('hour', to_timestamp(record_metadata:CreateTime::string)) from binance_kline limit 1";
    assert_eq!(db.rows(times), [["2021-12-05 23:40:00.000", "2021-12-05 23:00:00.000"]]);
    assert_eq!(
        db.rows("select iff(true, 'y', 'n'), coalesce(null, 3), case when 1 = 2 then 'a' else 'b' end, 7 / 2, 10 % 3"),
        [["y", "3", "b", "3.500000", "1"]]
    );
    assert_eq!(db.rows("select 1 union all select 2 order by 1"), [["1"], ["2"]]);
    assert_eq!(db.rows("select count(*) from binance_kline where record_content:data:s::string like 'BTC%'"), [["2"]]);
    assert_eq!(db.rows("select * exclude record_content from binance_kline limit 1").len(), 1);
}

#[test]
fn a_session_knows_where_it_is() {
    let mut db = Db::new();
    assert_eq!(db.rows("select current_database(), current_schema(), current_user()"), [["CRYPTO_DB", "PUBLIC", "TESTER"]]);
    db.run("create schema raw").unwrap();
    db.run("use crypto_db.public").unwrap();
    assert_eq!(db.rows("select current_schema()"), [["PUBLIC"]]);
}

#[test]
fn rows_that_were_only_counted_cannot_be_queried() {
    let mut db = Db::new();
    db.run("create table t (id int)").unwrap();
    {
        let mut state = lock(&db.world.state);
        let id = state.catalog.find_by_uri("CRYPTO_DB", "PUBLIC", "T").unwrap().id;
        state.catalog.table_mut(id).unwrap().counted_only = 5;
    }
    assert_eq!(db.code("select * from t").0, "000002");
}

#[test]
fn bindings_stand_in_for_literals_and_names() {
    let mut db = Db::new();
    let text = |value: &str| Binding { kind: "TEXT".to_owned(), value: Some(value.to_owned()) };
    execute(
        &db.world,
        &mut db.session,
        "create table if not exists identifier(?) (id int, name varchar)",
        &[text("crypto_db.public.t")],
    )
    .unwrap();
    let number = Binding { kind: "FIXED".to_owned(), value: Some("5".to_owned()) };
    execute(&db.world, &mut db.session, "insert into t values (?, ?)", &[number, text("five")]).unwrap();
    assert_eq!(db.rows("select name from t where id = 5"), [["five"]]);
}
