namespace OptimSharp.Distributed.Mpi;

/// <summary>What this rank called last: a rank that is behind and waits for something else can be told so. Used under <see cref="MpiJob.Calls"/>.</summary>
sealed class MpiRecent
{
    readonly (long Number, string Operation, string? Activity)[] calls = new (long, string, string?)[512];

    public MpiRecent() => Array.Fill(calls, (-1, "", null));

    public void Add(long number, string operation, string? activity) => calls[number % calls.Length] = (number, operation, activity);

    /// <summary>The operation of this number; null: it has not begun, or is long past.</summary>
    public (string Operation, string? Activity)? Find(long number) => calls[number % calls.Length] is var call && call.Number == number ? (call.Operation, call.Activity) : null;

    /// <summary>An operation in words.</summary>
    public static string Text(string operation, string? activity) => activity is null ? operation : $"{operation} of {activity}";
}
