using System.CommandLine;
using OptimSharp.Benchmarks;

var json = new Option<FileInfo?>("--json") { Description = "also writes the results to this file" };
var only = new Option<string?>("--case") { Description = "only cases whose name contains this (adamw, 1x16M, sparse…), or one of several: adamw|whole" };
var seconds = new Option<double>("--seconds") { Description = "how long to measure each case", DefaultValueFactory = _ => 3 };
var threads = new Option<int?>("--threads") { Description = "only cases with this many threads" };
var compare = new Command("compare", "Steps of every optimizer beside its peers, in one process, interleaved: medians and ratios.") { json, only, threads, seconds };
compare.SetAction(result => Comparison.Run(result.GetValue(only), result.GetValue(threads), result.GetValue(seconds), result.GetValue(json)));
var results = new Argument<FileInfo>("results") { Description = "what compare --json wrote" };
var table = new Command("table", "Results as a table in Markdown.") { results, only };
table.SetAction(result => Comparison.WriteTable(result.GetRequiredValue(results), result.GetValue(only)));
var gib = new Option<double>("--gib") { Description = "how large the checkpoint is", DefaultValueFactory = _ => 1 };
var part = new Option<string?>("--part") { Hidden = true };
var file = new Option<string?>("--file") { Hidden = true };
var checkpoints = new Command("checkpoints", "The most memory that saving and loading take beyond the tensors, and their time. Linux.") { gib, part, file };
checkpoints.SetAction(result => result.GetValue(part) is { } which ? CheckpointMemory.RunPart(which, result.GetValue(gib), result.GetValue(file)!)
    : CheckpointMemory.Run(result.GetValue(gib), Path.GetTempPath()));
var scaling = new Command("scaling", "AdamW's step by the number of tensors and by their size.") { seconds };
scaling.SetAction(result => Scaling.Run(result.GetValue(seconds)));
var matrices = new Command("matrices", "Products, eigenvalues, QR and inverse roots of matrices beside libtorch's.") { seconds };
matrices.SetAction(result => Matrices.Run(result.GetValue(seconds)));
var combined = new Command("combined", "Two optimizers combined, beside the same two one after the other.") { seconds };
combined.SetAction(result => Combined.Run(result.GetValue(seconds)));
var smallState = new Command("small-state", "Steps with state in few bits, beside the same with state in single precision.") { seconds };
smallState.SetAction(result => SmallState.Run(result.GetValue(seconds)));
var all = new Command("all", "The engine's parts by themselves, with BenchmarkDotNet.");
all.SetAction(_ => EngineBenchmarks.Run());
return new RootCommand("OptimSharp's benchmarks. Run them with -c Release on an idle machine.") { compare, table, scaling, matrices, combined, smallState, all, checkpoints }.Parse(args).Invoke();
