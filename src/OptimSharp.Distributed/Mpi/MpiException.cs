namespace OptimSharp.Distributed;

/// <summary>A call of the MPI library failed.</summary>
public sealed class MpiException : CommunicationException
{
    /// <summary>Says which call failed, and what the library says of it.</summary>
    /// <param name="call">The function, such as "MPI_Isend".</param>
    /// <param name="code">What it returned.</param>
    /// <param name="text">What MPI_Error_string says of the code.</param>
    public MpiException(string call, int code, string text) : base($"{call} failed: {text} (error {code}).")
    {
        Call = call;
        Code = code;
    }

    /// <summary>The function, such as "MPI_Isend".</summary>
    public string Call { get; }

    /// <summary>What it returned; the numbers are the library's own.</summary>
    public int Code { get; }
}
