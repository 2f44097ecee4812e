//! Clients that send too much, or nothing, or do not listen.

use super::*;

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_read() {
    let server = start(&listeners(), router()).await;
    // Nothing of the 100 MB is ever sent; who waited for it would wait for ever.
    let announced = request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "100000000")]);
    let answer = server.send(announced).await;
    assert_eq!(status(&answer), 413);
    assert_eq!(body(&answer), r#"{"error_code":413,"message":"The body of the request is larger than 1048576 bytes"}"#);
    // The size is not announced, and the body never ends.
    let mut chunked = request("POST", "/connectors", &[("Host", "localhost"), ("Transfer-Encoding", "chunked")]);
    chunked.push_str("100001\r\n");
    chunked.push_str(&"x".repeat(0x100001));
    let answer = server.send(chunked).await;
    assert_eq!(status(&answer), 413);
    let whole = request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "1048576")]) + &"x".repeat(1024 * 1024);
    assert_eq!(body(&server.send(whole).await), "1048576");
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_not_read_of_those_who_may_not_come_in() {
    let server = start(&protected(), router()).await;
    let answer = server.send(request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "1000")])).await;
    assert_eq!(status(&answer), 401);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_or_body_is_cut_off_while_others_are_served() {
    let mut settings = listeners();
    settings.limits.head = Duration::from_millis(100);
    settings.limits.body = Duration::from_millis(100);
    let server = start(&settings, router()).await;
    let address = server.address;
    // Each returns only because the server closes: no end of a head, nothing at all, a second request that never comes, half a body.
    let slow = [
        "GET /connectors HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".to_owned(),
        String::new(),
        "GET /connectors HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        request("POST", "/connectors", &[("Host", "localhost"), ("Content-Length", "10")]) + "12345",
    ]
    .map(|text| spawn_blocking(move || talk(address, text.as_bytes())));
    for _ in 0..3 {
        assert_eq!(status(&server.send(request("GET", "/connectors", &[("Host", "localhost")])).await), 200);
    }
    let mut answers = Vec::new();
    for client in slow {
        answers.push(client.await.unwrap());
    }
    assert!(!answers[0].contains("200 OK") && answers[1].is_empty(), "{answers:?}");
    assert_eq!(status(&answers[2]), 200);
    assert_eq!(status(&answers[3]), 408);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let mut settings = listeners();
    settings.limits.answer = Duration::from_millis(50);
    let server = start(&settings, router().route("/never", post(std::future::pending::<()>))).await;
    let answer = server.send(request("POST", "/never", &[("Host", "localhost")])).await;
    assert_eq!((status(&answer), body(&answer)), (500, r#"{"error_code":500,"message":"Request timed out"}"#));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let mut settings = listeners();
    settings.limits.write = Duration::from_millis(100);
    settings.limits.connections = 1;
    let large = router().route("/large", get(|| async { Bytes::from(vec![b'x'; 64 * 1024 * 1024]) }));
    let server = start(&settings, large).await;
    let mut deaf = TcpStream::connect(server.address).unwrap();
    deaf.write_all(request("GET", "/large", &[("Host", "localhost")]).as_bytes()).unwrap();
    // There is but one place: this is answered only when the other has lost it.
    assert_eq!(status(&server.send(request("GET", "/connectors", &[("Host", "localhost")])).await), 200);
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn the_connection_after_the_last_place_waits_until_one_is_free() {
    let server = start(&listeners(), router()).await;
    let address = server.address;
    let keep = "GET /connectors HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = spawn_blocking(move || {
        let connect = |_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(keep.as_bytes()).unwrap();
            let mut first = [0; 15];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
            stream
        };
        (0..64).map(connect).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    let mut next = TcpStream::connect(address).unwrap();
    next.write_all(request("GET", "/connectors", &[("Host", "localhost")]).as_bytes()).unwrap();
    // Without a limit the answer would be here: the server has had turns enough.
    next.set_nonblocking(true).unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(next.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    next.set_nonblocking(false).unwrap();
    drop(held.pop());
    let answer = spawn_blocking(move || read_answer(&mut next)).await.unwrap();
    assert_eq!(status(&answer), 200);
    drop(held);
    server.stop().await;
}
