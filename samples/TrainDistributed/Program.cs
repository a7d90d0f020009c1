using System.Globalization;
using System.Security.Cryptography;
using OptimSharp;
using OptimSharp.Distributed;
using OptimSharp.Samples;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

return Options.Invoke(args, Train);

static int Train(Options options)
{
    using var ranks = Communicator.Default(); // those that mpirun started; or one alone
    bool isFirst = ranks.Rank == 0;
    Execution.ThreadCount = options.Threads;
    set_num_threads(options.Threads);
    manual_seed(options.Seed);

    var (training, heldOut) = Images.Load(options.Data);
    using var model = new Network(training.Size);
    using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = options.LearningRate });
    using var distributed = new DistributedOptimizer(optimizer, ranks, new() { Shards = options.Shards, Sharding = options.Sharding });
    int batches = (training.Count + options.BatchSize - 1) / options.BatchSize;
    var schedule = new CosineAnnealingLR(optimizer, tMax: options.Epochs * batches);
    var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Schedulers = [schedule] });

    int epoch = 0;
    using var checkpoints = options.Resume && isFirst ? new CheckpointDirectory(options.Checkpoints.FullName, new() { KeepLast = 2, Name = "distributed" }) : null;
    if (ranks.Broadcast(checkpoints?.LoadLatest(), root: 0) is { } saved)
    {
        if (saved.GetString("settings") != options.Settings)
        {
            Say($"{options.Checkpoints} has a run with {saved.GetString("settings")}, but this one is with {options.Settings}: choose the same, or another folder with --checkpoints.");
            return 1;
        }
        epoch = (int)saved.GetInt64("epoch");
        model.LoadStateDict(saved.GetDict("model"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        schedule.LoadStateDict(saved.GetDict("schedule"));
        Say($"goes on after epoch {epoch}");
    }

    Say($"{ranks.Size} {(ranks.Size == 1 ? "rank" : "ranks")}, {options.Shards} shards, {training.Count} images");
    while (epoch++ < options.Epochs)
    {
        int[] order = [.. Enumerable.Range(0, training.Count)];
        new System.Random(options.Seed * 7919 + epoch).Shuffle(order); // on all ranks the same
        model.train();
        double sum = 0;
        foreach (var (i, batch) in order.Chunk(options.BatchSize).Index())
        {
            long number = (epoch - 1L) * batches + i; // of the step, also in a run that goes on
            foreach (int shard in distributed.Shards)
            {
                long[] own = [.. batch[(batch.Length * shard / options.Shards)..(batch.Length * (shard + 1) / options.Shards)].Select(image => (long)image)];
                if (own.Length == 0)
                    continue; // the last batch is small
                manual_seed((options.Seed * 1_000_000_007L + number) * options.Shards + shard); // for dropout: each shard its own random numbers, whoever has it
                using var scope = NewDisposeScope();
                var index = tensor(own);
                var loss = nn.functional.cross_entropy(model.forward(training.Pixels[index]), training.Labels[index], reduction: nn.Reduction.Sum);
                loss.backward();
                distributed.Accumulate(loss.item<float>(), examples: own.Length);
            }
            step.Step(); // synchronizes, clips by the norm of all gradients, steps, and steps the schedule
            sum += distributed.Loss * batch.Length;
        }
        Say(string.Create(CultureInfo.InvariantCulture, $"epoch {epoch,2}  loss {sum / training.Count:F4}"));
        if (options.Resume)
        {
            // On rank 0; the others send it what it needs of their state.
            distributed.Save(state => checkpoints!.Save(epoch, new()
            {
                { "settings", options.Settings },
                { "epoch", (long)epoch },
                { "model", model.StateDict() },
                { "optimizer", state },
                { "schedule", schedule.StateDict() },
            }));
        }
    }

    foreach (var checkpoint in checkpoints?.Checkpoints ?? []) // done: the next run begins anew
        File.Delete(checkpoint.Path);
    Say($"state         {distributed.StateBytes / 1024} KiB on this rank");
    Say($"sent          {ranks.Sent.Bytes / 1024} KiB by this rank, in {ranks.Sent.Messages} messages");
    Say(string.Create(CultureInfo.InvariantCulture, $"test accuracy {Accuracy(model, heldOut):F4}"));
    Say($"weights       {Hash(model)}");
    return 0;

    void Say(string line)
    {
        if (isFirst)
            Console.WriteLine(line);
    }
}

static double Accuracy(Network model, Images images)
{
    using var scope = NewDisposeScope();
    using var _ = no_grad();
    model.eval();
    double right = 0;
    foreach (var (pixels, labels) in images.Batches(1000))
        right += model.forward(pixels).argmax(1).eq(labels).sum().item<long>();
    return right / images.Count;
}

static string Hash(Network model)
{
    using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    foreach (var parameter in model.Parameters())
        hash.AppendData(parameter.Tensor.bytes.ToArray());
    return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
}
