using System.Runtime.InteropServices;

namespace OptimSharp.Cuda.Tests;

/// <summary>
/// A device in this process's memory, behind the functions of <see cref="FakeDriver"/>. Kernels are run by the interpreter. What is done in a stream's order is kept, and done when somebody waits
/// for it: so what a real device may not have done yet is not done here, and memory that is given back or written over too soon shows.
/// </summary>
sealed unsafe class FakeDevice
{
    public const int OutOfMemory = 2, InvalidValue = 1, InvalidPtx = 218, InvalidHandle = 400, IllegalAddress = 700;

    const int Alignment = 256;

    readonly Lock gate = new();
    readonly SortedDictionary<nint, long> memory = [];
    readonly Dictionary<nint, long> pinned = [];
    readonly Dictionary<nint, Queue<Action>> streams = [];
    readonly List<PtxKernel> kernels = [];
    readonly Dictionary<nint, Recorded> events = [];
    readonly Dictionary<string, int> calls = [];
    readonly HashSet<nint> made = [], gone = []; // streams
    readonly HashSet<nint> modules = []; // that are loaded
    nint nextEvent = 1, nextStream = 1 << 16;

    /// <summary>What was recorded last in an event.</summary>
    sealed class Recorded(nint stream)
    {
        public nint Stream => stream;

        public bool IsDone { get; set; }
    }

    public string Name { get; init; } = "Fake";

    public (int Major, int Minor) ComputeCapability { get; init; } = (6, 0);

    /// <summary>The bytes that it has.</summary>
    public long Capacity { get; set; } = 1L << 30;

    /// <summary>What every function returns from now on; 0: it is well.</summary>
    public int Lost { get; set; }

    /// <summary>Whether the process's memory is its own, too, and all is done at once: so that tensors of the CPU can be sent through it.</summary>
    public bool SharesHost { get; init; }

    /// <summary>How many bytes come to the host at once where state is there.</summary>
    public long BytesOfBlock { get; init; } = 8 << 20;

    /// <summary>Whether each kernel leaves something else than it should.</summary>
    public bool Garbles { get; init; }

    /// <summary>What went wrong in a kernel.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Called before each function, with its name and how often it was called: what it returns, unless 0, is the function's result.</summary>
    public Func<string, int, int>? Fault { get; set; }

    /// <summary>How often a function was called.</summary>
    public int Calls(string function)
    {
        lock (gate)
            return calls.GetValueOrDefault(function);
    }

    /// <summary>The bytes that were allocated and not given back.</summary>
    public long Allocated
    {
        get
        {
            lock (gate)
                return memory.Values.Sum();
        }
    }

    /// <summary>What was made and not given back: pinned memory, events and streams.</summary>
    public (int Pinned, int Events, int Streams) Made
    {
        get
        {
            lock (gate)
                return (pinned.Count, events.Count, made.Count);
        }
    }

    /// <summary>How many modules are loaded.</summary>
    public int Modules
    {
        get
        {
            lock (gate)
                return modules.Count;
        }
    }

    /// <summary>The sources of the kernels, in the order in which they were compiled.</summary>
    public List<string> Sources { get; } = [];

    /// <summary>Does what a function asks for, one after the other.</summary>
    public int Do(string function, Func<int> call)
    {
        lock (gate)
        {
            int before = calls.GetValueOrDefault(function);
            calls[function] = before + 1;
            if (Lost == 0 && Fault?.Invoke(function, before) is { } fault and not 0)
                return fault;
            return Lost != 0 ? Lost : call() is var result && Lost != 0 ? Lost : result;
        }
    }

    public int Allocate(nint* address, nuint bytes)
    {
        if (bytes == 0)
            return InvalidValue;
        if (Allocated + (long)bytes > Capacity)
            return OutOfMemory;
        *address = (nint)NativeMemory.AlignedAlloc(bytes, Alignment);
        new Span<byte>((void*)*address, checked((int)bytes)).Fill(0xCB); // what was there before is not zeros
        memory.Add(*address, (long)bytes);
        return 0;
    }

    public int Free(nint address)
    {
        DoAll();
        if (!memory.Remove(address))
            return InvalidValue;
        NativeMemory.AlignedFree((void*)address);
        return 0;
    }

    public int AllocatePinned(void** address, nuint bytes)
    {
        *address = NativeMemory.AllocZeroed(bytes);
        pinned.Add((nint)(*address), (long)bytes);
        return 0;
    }

    public int FreePinned(void* address)
    {
        if (!pinned.Remove((nint)address))
            return InvalidValue;
        NativeMemory.Free(address);
        return 0;
    }

    /// <summary>From pinned memory the device copies when its turn comes; of other memory the driver has made a copy before it returns.</summary>
    public int CopyToDevice(nint to, void* from, nuint bytes, nint stream)
    {
        if (!Has(to, (long)bytes))
            return InvalidValue;
        bool isPinned = pinned.Any(p => (nint)from >= p.Key && (nint)from + (nint)bytes <= p.Key + (nint)p.Value);
        byte[]? copy = isPinned ? null : new Span<byte>(from, checked((int)bytes)).ToArray();
        nint source = (nint)from;
        Add(stream, () =>
        {
            fixed (byte* copied = copy)
                Buffer.MemoryCopy(copied is null ? (void*)source : copied, (void*)to, bytes, bytes);
        });
        return 0;
    }

    public int CopyToHost(void* to, nint from, nuint bytes, nint stream)
    {
        if (!Has(from, (long)bytes))
            return InvalidValue;
        nint target = (nint)to;
        Add(stream, () => Buffer.MemoryCopy((void*)from, (void*)target, bytes, bytes));
        return 0;
    }

    public int CopyWithin(nint to, nint from, nuint bytes, nint stream)
    {
        if (!Has(from, (long)bytes) || !Has(to, (long)bytes))
            return InvalidValue;
        Add(stream, () => Buffer.MemoryCopy((void*)from, (void*)to, bytes, bytes));
        return 0;
    }

    public int Clear(nint to, byte value, nuint bytes, nint stream)
    {
        if (!Has(to, (long)bytes))
            return InvalidValue;
        Add(stream, () => NativeMemory.Fill((void*)to, bytes, value));
        return 0;
    }

    public int Compile(nint* module, string source)
    {
        try
        {
            kernels.Add(new(source));
        }
        catch (Exception e) when (e is NotSupportedException or KeyNotFoundException)
        {
            Failure = e;
            return InvalidPtx;
        }
        Sources.Add(source);
        *module = kernels.Count;
        modules.Add(*module);
        return 0;
    }

    public int Unload(nint module) => modules.Remove(module) ? 0 : InvalidValue;

    public int FunctionOf(nint* function, nint module, string name)
    {
        *function = module;
        return kernels[(int)module - 1].Name == name ? 0 : InvalidValue;
    }

    public int Launch(nint function, uint blocks, uint threads, nint stream, void** parameters)
    {
        var kernel = kernels[(int)function - 1];
        ulong[] values = new ulong[kernel.ParameterBytes.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = kernel.ParameterBytes[i] == 8 ? *(ulong*)parameters[i] : *(uint*)parameters[i];
        if (blocks == 0 || threads is 0 or > 1024)
            return InvalidValue;
        Add(stream, () =>
        {
            kernel.Run((int)blocks, (int)threads, values, SharesHost ? [(0, nint.MaxValue)] : [.. memory.Select(m => (m.Key, m.Value))]);
            foreach (nint start in memory.Keys.Where(_ => Garbles))
                *(byte*)start ^= 1;
        });
        return 0;
    }

    public int Synchronize(nint stream)
    {
        if (gone.Contains(stream))
            return InvalidHandle;
        DoAll(stream);
        return 0;
    }

    public int CreateStream(nint* created)
    {
        streams.Add(*created = nextStream++, new());
        made.Add(*created);
        return 0;
    }

    public int DestroyStream(nint destroyed)
    {
        DoAll(destroyed);
        gone.Add(destroyed);
        made.Remove(destroyed);
        return streams.Remove(destroyed) ? 0 : InvalidValue;
    }

    public int CreateEvent(nint* created)
    {
        events.Add(*created = nextEvent++, new(0) { IsDone = true });
        return 0;
    }

    public int Record(nint recorded, nint stream)
    {
        var record = events[recorded] = new(stream);
        Add(stream, () => record.IsDone = true);
        return 0;
    }

    public int Await(nint awaited)
    {
        Do(events[awaited]);
        return 0;
    }

    /// <summary>What follows on the stream comes after what is recorded in the event now, also when that is recorded anew.</summary>
    public int Await(nint awaited, nint stream)
    {
        var record = events[awaited];
        Add(stream, () => Do(record));
        return 0;
    }

    void Do(Recorded record)
    {
        while (!record.IsDone && Lost == 0)
            DoNext(record.Stream);
    }

    public int DestroyEvent(nint destroyed) => events.Remove(destroyed) ? 0 : InvalidValue;

    void Add(nint stream, Action work)
    {
        if (!streams.TryGetValue(stream, out var queue))
            streams.Add(stream, queue = new());
        queue.Enqueue(work);
        if (SharesHost)
            DoAll(stream);
    }

    void DoAll()
    {
        foreach (nint stream in streams.Keys)
            DoAll(stream);
    }

    void DoAll(nint stream)
    {
        while (streams.TryGetValue(stream, out var queue) && queue.Count > 0 && Lost == 0)
            DoNext(stream);
    }

    void DoNext(nint stream)
    {
        try
        {
            streams[stream].Dequeue()();
        }
        catch (InvalidOperationException e)
        {
            Failure = e;
            Lost = IllegalAddress;
        }
    }

    bool Has(nint address, long bytes) => SharesHost || memory.Any(m => address >= m.Key && address + bytes <= m.Key + m.Value);
}
