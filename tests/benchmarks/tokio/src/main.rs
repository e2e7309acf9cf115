// The peers that are made of tokio, each on one thread:
//   tokio-peer broadcast current|worker TASKS ROUNDS   a send to tasks that all wait for it, as `in_process waiting`
//   tokio-peer serve                                   a server as one writes it by hand, which obeys as `bare` does
//   tokio-peer answers                                 200 tokens for each request, 50 a second, in a chunked body
use std::io::{BufRead, IoSlice, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, mpsc};

type Event = Arc<str>;
const TEXT: &str = "fifty-five bytes of text that fill each frame up to 172";

fn runtime(kind: &str) -> Runtime {
    match kind {
        "worker" => Builder::new_multi_thread().worker_threads(1).enable_all().build(),
        _ => Builder::new_current_thread().enable_all().build(),
    }
    .unwrap()
}
fn reply(line: String) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

fn middle(mut values: Vec<u128>) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}
async fn broadcast_rounds(tasks: usize, rounds: usize) {
    let (sender, _) = broadcast::channel::<Event>(128);
    let reads = Arc::new(AtomicUsize::new(0));
    for _ in 0..tasks {
        let mut receiver = sender.subscribe();
        let reads = reads.clone();
        tokio::spawn(async move {
            while receiver.recv().await.is_ok() {
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let (mut sends, mut all) = (vec![], vec![]);
    for round in 1..=rounds {
        let start = Instant::now();
        let event: Event = format!("{{\"n\":1,\"text\":\"{TEXT}\"}}").into();
        sender.send(event).unwrap();
        sends.push(start.elapsed().as_nanos());
        while reads.load(Ordering::Relaxed) < round * tasks {
            tokio::task::yield_now().await;
        }
        all.push(start.elapsed().as_nanos());
        tokio::task::yield_now().await;
    }
    reply(format!("{{\"emit_ns\":{},\"all_ns\":{}}}", middle(sends), middle(all)));
}

fn frame(n: usize) -> Event {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!(
        "data: {{\"type\":\"tick\",\"data\":{{\"n\":{},\"sent\":\"{:020}\",\"text\":\"{TEXT}\"}},\"timestamp\":{}.{:06}}}\n\n",
        1_000_000_000 + n,
        0,
        time.as_secs(),
        time.subsec_micros()
    )
    .into()
}

/// What waits is written at once, at most 64 frames a call.
async fn write_events(mut socket: TcpStream, mut receiver: broadcast::Receiver<Event>) -> Option<()> {
    let mut request = [0; 4096];
    while socket.read(&mut request).await.ok()? > 0 && !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {}
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.ok()?;
    socket.write_all(b": welcome\n\n").await.ok()?;
    let mut frames: Vec<Event> = Vec::new();
    loop {
        frames.clear();
        frames.push(receiver.recv().await.ok()?);
        while frames.len() < 64 {
            match receiver.try_recv() {
                Ok(event) => frames.push(event),
                Err(_) => break,
            }
        }
        if let [event] = &frames[..] {
            socket.write_all(event.as_bytes()).await.ok()?;
            continue;
        }
        let mut parts: Vec<IoSlice> = frames.iter().map(|event| IoSlice::new(event.as_bytes())).collect();
        let mut left = &mut parts[..];
        while !left.is_empty() {
            let size = socket.write_vectored(left).await.ok()?;
            IoSlice::advance_slices(&mut left, size);
        }
    }
}

async fn serve() {
    let (sender, _) = broadcast::channel::<Event>(1024);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    reply(format!("{{\"port\":{}}}", listener.local_addr().unwrap().port()));
    let subscriber = sender.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).ok();
            tokio::spawn(write_events(socket, subscriber.subscribe()));
        }
    });
    let (commands, mut command) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            commands.send(line.unwrap()).ok();
        }
    });
    while let Some(line) = command.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<f64>().unwrap();
        match words[0] {
            "pace" => {
                let first = tokio::time::Instant::now();
                for n in 0..number(2) as usize {
                    tokio::time::sleep_until(first + Duration::from_secs_f64(n as f64 / number(1))).await;
                    sender.send(frame(n)).ok();
                }
            }
            "burst" => {
                for n in 0..number(1) as usize {
                    sender.send(frame(n)).ok();
                }
            }
            _ => break,
        }
        reply("{}".into());
    }
    std::process::exit(0);
}

/// Reads what the peer sends meanwhile, so that the answer ends with its peer.
async fn answer(socket: TcpStream) -> Option<()> {
    let (mut reader, mut writer) = socket.into_split();
    let mut request = [0; 4096];
    while reader.read(&mut request).await.ok()? > 0 && !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {}
    let produce = async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        writer.write_all(head.as_bytes()).await.ok()?;
        let start = tokio::time::Instant::now();
        for n in 1..=200 {
            tokio::time::sleep_until(start + Duration::from_millis(20 * n)).await;
            let data = format!("{{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" token {n}\"}}}}]}}");
            let chunk = format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8);
            writer.write_all(chunk.as_bytes()).await.ok()?;
        }
        writer.write_all(b"0\r\n\r\n").await.ok()
    };
    tokio::select! {
        done = produce => done,
        _ = async { while reader.read(&mut request).await.unwrap_or(0) > 0 {} } => None,
    }
}

async fn serve_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    reply(format!("{{\"port\":{}}}", listener.local_addr().unwrap().port()));
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines() {
            if line.unwrap() == "quit" {
                break;
            }
            reply("{}".into());
        }
        std::process::exit(0);
    });
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).ok();
        tokio::spawn(answer(socket));
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words[0].as_str() {
        "broadcast" => {
            let rounds = broadcast_rounds(words[2].parse().unwrap(), words[3].parse().unwrap());
            let runtime = runtime(&words[1]);
            // With a worker the sender is on it too.
            let done = runtime.spawn(rounds);
            runtime.block_on(done).unwrap();
        }
        "answers" => runtime("current").block_on(serve_answers()),
        _ => runtime("current").block_on(serve()),
    }
}
