//! A stand-in for an OpenTelemetry collector: takes OTLP over HTTP, protobuf, and keeps the spans.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// What came in.
#[derive(Debug, Default)]
struct Taken {
    requests: Vec<Request>,
    spans: Vec<Span>,
    /// Of the resource that sent last.
    resource: Vec<KeyValue>,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `POST /v1/traces HTTP/1.1`.
    pub line: String,
    /// Name in lower case, and value.
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Listens until the test ends.
pub struct Collector {
    pub url: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    /// Takes everything and answers every request with `status`.
    pub fn start(status: u16) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let taken = Arc::new(Mutex::new(Taken::default()));
        let taking = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taking = taking.clone();
                std::thread::spawn(move || serve(stream, status, &taking));
            }
        });
        Collector { url, taken }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.taken.lock().expect("nobody panics while taking").requests.clone()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.taken.lock().expect("nobody panics while taking").spans.clone()
    }

    /// An attribute of whoever sends.
    pub fn resource(&self, key: &str) -> Option<String> {
        attribute(&self.taken.lock().expect("nobody panics while taking").resource, key)
    }
}

/// The value of an attribute, as text.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value: &AnyValue = attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        other => panic!("`{key}` is {other:?}, neither a text nor a number"),
    }
}

/// One connection, request after request. Who sends may hang up at any time.
fn serve(stream: TcpStream, status: u16, taken: &Mutex<Taken>) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some((request, body))) = read(&mut reader) {
        let export = ExportTraceServiceRequest::decode(body.as_slice()).expect("an export request in protobuf");
        let mut taken = taken.lock().expect("nobody panics while taking");
        taken.requests.push(request);
        for resource_spans in export.resource_spans {
            taken.resource = resource_spans.resource.unwrap_or_default().attributes;
            taken.spans.extend(resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        drop(taken);
        let answer = format!("HTTP/1.1 {status} so\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request; `None` when there is no other.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(Request, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Request { line: line.trim_end().to_owned(), headers: Vec::new() };
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).expect("the length of a body is named");
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((request, body)))
}
